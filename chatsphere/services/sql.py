"""SQL with a name: statements stand in ``queries.sql`` files, each under ``-- name: what_it_is`` and a line saying what for."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)[^\n]*\n", re.MULTILINE)


@cache
def statements(package: str, resource: str = "queries.sql") -> dict[str, LiteralString]:
    """All statements of a package's SQL file by name; read once a process. Raises FileNotFoundError or ValueError (a name twice)."""
    text = files(package).joinpath(resource).read_text(encoding="utf-8")
    parts = _NAME.split(text)
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"a statement's name stands twice in {package}/{resource}")
    # psycopg asks for literal strings; these come from our own package, never from a request.
    return {name: cast(LiteralString, body.strip().rstrip(";")) for name, body in zip(names, bodies, strict=True)}
