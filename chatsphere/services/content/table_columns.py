"""The columns of a table's rows whose header stands in another chunk.

A span cannot hold both, so the chunker puts their names into such a chunk's context, as its last part.
"""

from __future__ import annotations

import re
from typing import Final

CONTEXT_SEPARATOR: Final = " › "
NAME_SEPARATOR: Final = ", "

_EDGE: Final = re.compile(r"(?<!\\)\|")
_RULE: Final = re.compile(r"\s*\|?(?:\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?\s*")


def columns_of(context: str, text: str) -> tuple[str, ...]:
    """One name a cell of the rows with which a chunk begins; empty where it begins with no such rows or the names are not known."""
    first, _, rest = text.lstrip().partition("\n")
    if not first.startswith("|") or _RULE.fullmatch(rest.partition("\n")[0]):
        return ()
    names = tuple(context.rpartition(CONTEXT_SEPARATOR)[2].split(NAME_SEPARATOR))
    return names if len(names) == len(cells_of(first)) > 1 else ()


def is_above(columns: tuple[str, ...], text: str, start: int) -> bool:
    """Whether these are the columns of the row that begins there: nothing but rows stands before it."""
    return bool(columns) and all(line.startswith("|") for line in text[:start].splitlines())


def cells_of(row: str) -> list[str]:
    """The cells of a row of a Markdown table, trimmed."""
    inner = row.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.strip() for cell in _EDGE.split(inner)]
