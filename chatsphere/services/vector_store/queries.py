"""Reads ``queries.sql``: each statement begins with ``-- name: its_name`` and a line saying what it is for.

The searches are put together from parts of that file, as two engines share all but where candidates come from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, LiteralString

_FILE: Final = Path(__file__).with_name("queries.sql")
_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_PARAMETER: Final = re.compile(r"%\((\w+)\)s")
_PART: Final = "part_"
_OF_PARTS: Final[Mapping[str, Sequence[str]]] = {
    "search": ("narrowing", "allowed", "own_candidates", "hits"),
    "search_given": ("narrowing", "allowed", "given_candidates", "hits"),
    "before_points": ("narrowing", "before_points"),
}


def query(name: str) -> LiteralString:
    """The statement of that name. Raises KeyError for one that is not there."""
    return statements()[name]


@cache
def positional(name: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement as PostgreSQL reads it, ``$1`` for the first name and so on, and the names in that order.

    psycopg keeps no statement as long as a search but takes each apart anew, a quarter of a search's time in this process.
    """
    names = tuple(dict.fromkeys(_PARAMETER.findall(query(name))))
    text = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", query(name))
    return text.encode(), names


@cache
def statements() -> dict[str, LiteralString]:
    """Every statement by its name, without comments: they would travel with each search."""
    _, *texts = _NAME.split(_FILE.read_text(encoding="utf-8"))
    named = {name: _bare(text) for name, text in zip(texts[::2], texts[1::2], strict=True)}
    parts = {name.removeprefix(_PART): text for name, text in named.items() if name.startswith(_PART)}
    whole = {name: text for name, text in named.items() if not name.startswith(_PART)}
    return whole | {name: _joined([parts[part] for part in own]) for name, own in _OF_PARTS.items()}


def _bare(text: LiteralString) -> LiteralString:
    lines = (line.partition("--")[0].rstrip() for line in text.splitlines())
    return "\n".join(filter(None, lines)).rstrip(";")


def _joined(parts: Sequence[LiteralString]) -> LiteralString:
    """Tables of a WITH, each with a comma behind it, and the statement they are for: as the last part, or at its end."""
    *tables, last = parts
    text = "\n".join(tables)
    return "WITH " + (text.rstrip(",") if last.startswith("SELECT") else text) + "\n" + last
