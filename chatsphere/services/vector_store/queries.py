"""Reads ``queries.sql``: each statement begins with ``-- name: its_name`` and a line saying what it is for."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, LiteralString

_FILE: Final = Path(__file__).with_name("queries.sql")
_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def query(name: str) -> LiteralString:
    """The statement of that name. Raises KeyError for one that is not there."""
    return statements()[name]


@cache
def statements() -> dict[str, LiteralString]:
    """Every statement by its name, without comments: they would travel with each search."""
    _, *parts = _NAME.split(_FILE.read_text(encoding="utf-8"))
    return {name: _bare(text) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _bare(text: LiteralString) -> LiteralString:
    lines = (line.partition("--")[0].rstrip() for line in text.splitlines())
    return "\n".join(filter(None, lines)).rstrip(";")
