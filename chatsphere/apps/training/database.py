"""Named SQL of this app on Django's connection: it takes part in the surrounding ``transaction.atomic``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from django.db import connection
from psycopg.rows import dict_row
from psycopg.types.json import JsonbLoader

from chatsphere.services.sql import statements
from chatsphere.services.vector_store import wire
from chatsphere.services.vector_store.base import Connection


def engine_connection() -> Connection:
    """The psycopg connection under Django's, for engines that write inside our transaction."""
    connection.ensure_connection()
    return cast(Connection, connection.connection)


def run(name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Execute a statement of ``queries.sql``; its rows, or nothing. Database errors are raised as Django's."""
    with _executed(name, parameters) as cursor:
        return cursor.fetchall() if cursor.description else []


def change(name: str, parameters: Mapping[str, Any]) -> int:
    """``run`` of a statement that writes and returns no rows: how many it has written."""
    with _executed(name, parameters) as cursor:
        return cursor.rowcount


@contextmanager
def _executed(name: str, parameters: Mapping[str, Any]) -> Iterator[psycopg.Cursor[dict[str, Any]]]:
    with connection.wrap_database_errors, psycopg.Cursor(engine_connection(), row_factory=dict_row) as cursor:
        wire.allow_encoded(cursor)
        cursor.adapters.register_loader("jsonb", JsonbLoader)  # Django's connections leave JSON to its fields
        cursor.execute(statements("chatsphere.apps.training")[name], parameters)
        yield cursor
