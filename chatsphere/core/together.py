"""Several statements as one: one round trip and one transaction without BEGIN, COMMIT or a pipeline between them.

Each costs the driver a third of a millisecond of CPU, and an answer ends with five of them. Here they become common table expressions of
one statement. They see the same moment of the database, so none may build on what another one writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from psycopg import AsyncRawCursor
from psycopg.errors import DivisionByZero

from chatsphere.core.async_database import AsyncRows

_PARAMETER = re.compile(r"%\((\w+)\)s")
_NEXT_EXPRESSION = re.compile(r"\s*(?:,|AS\b)", re.IGNORECASE)
_BRACKET = re.compile(r"'[^']*'|[()]")  # those inside texts are none
_WITH = re.compile(r"\s*WITH\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A statement with named parameters and their values."""

    statement: str
    parameters: Mapping[str, Any]


async def execute_together(connection: AsyncRows, first: Part, *others: Part) -> bool:
    """Run all of them, or none: False when ``first`` gives no row, and then nothing of it stands.

    ``connection`` is in autocommit, or its transaction is lost with that. Parts must give rows (RETURNING, SELECT) or write.
    """
    parts = (first, *others)
    text, places = _joined(tuple(part.statement for part in parts))
    values = [parts[number].parameters[name] for number, name in places]
    try:
        await AsyncRawCursor(connection).execute(text, values)
    except DivisionByZero:
        return False
    return True


@lru_cache(maxsize=64)
def _joined(statements: tuple[str, ...]) -> tuple[bytes, list[tuple[int, str]]]:
    """The one statement with numbered parameters, and for each of these which part's and which name it is."""
    places: dict[tuple[int, str], int] = {}
    expressions = []
    for number, statement in enumerate(statements):
        listed, main = _split(_without_comments(statement))
        text = f"{listed}, part{number} AS ({main})" if listed else f"part{number} AS ({main})"

        def place(match: re.Match[str], number: int = number) -> str:
            return f"${places.setdefault((number, match[1]), len(places) + 1)}"

        expressions.append(_PARAMETER.sub(place, text))
    # Without a row of the first part this fails, which takes back what the others have written.
    text = f"WITH {', '.join(expressions)} SELECT 1 / (SELECT count(*) FROM part0)"  # noqa: S608 - of our own statements
    return text.encode(), list(places)


def _split(statement: str) -> tuple[str, str]:
    """The expressions of a WITH and the statement behind them; writing ones may only stand at the top."""
    begin = _WITH.match(statement)
    if begin is None:
        return "", statement
    depth = 0
    for token in _BRACKET.finditer(statement, begin.end()):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if token[0] == ")" and not depth and not _NEXT_EXPRESSION.match(statement, token.end()):
            return statement[begin.end() : token.end()], statement[token.end() :].strip()
    raise ValueError("a WITH without a statement behind it")


def _without_comments(statement: str) -> str:
    lines: Sequence[str] = [line.partition("--")[0].rstrip() for line in statement.splitlines()]
    return "\n".join(filter(None, lines)).rstrip(";")
