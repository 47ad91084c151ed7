"""This app's named statements, and how sync code runs them on Django's connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.db import connection

from chatsphere.services.sql import statements

SQL = statements("chatsphere.apps.users")


def fetch_all(name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All rows of a statement as dictionaries."""
    with connection.cursor() as cursor:
        cursor.execute(SQL[name], parameters)
        columns = [column[0] for column in cast(Any, cursor.description)]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def fetch_one(name: str, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first row, if there is one."""
    return next(iter(fetch_all(name, parameters)), None)


def execute(name: str, parameters: Mapping[str, Any]) -> None:
    """A statement without rows."""
    with connection.cursor() as cursor:
        cursor.execute(SQL[name], parameters)


def execute_many(name: str, parameters: Sequence[Mapping[str, Any]]) -> None:
    """A statement several times, without waiting for each; rows are left."""
    if parameters:
        with connection.cursor() as cursor:
            cursor.executemany(SQL[name], parameters)
