"""This app's named statements on Django's connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.db import connection
from psycopg import Cursor

from chatsphere.services.sql import statements

SQL = statements("chatsphere.apps.analytics")


def fetch_all(name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All rows of a statement as dictionaries."""
    with connection.cursor() as cursor:
        cursor.execute(SQL[name], parameters)
        columns = [column[0] for column in cast(Any, cursor.description)]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def fetch_binary(name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same in PostgreSQL's binary format: for rows with much bytea, which text doubles."""
    connection.ensure_connection()
    # Django's own cursor puts parameters into the text, which rules out binary results.
    with Cursor(connection.connection) as cursor:
        cursor.execute(SQL[name], parameters, binary=True)
        columns = [column.name for column in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def execute(name: str, parameters: Mapping[str, Any]) -> int:
    """A statement without rows; how many it touched."""
    with connection.cursor() as cursor:
        cursor.execute(SQL[name], parameters)
        return int(cursor.rowcount)
