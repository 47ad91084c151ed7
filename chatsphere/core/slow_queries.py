"""Statements that took longer than SLOW_QUERY_MS stand in the log: their text and their time, never their parameters."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

from django.conf import settings
from django.db.backends.signals import connection_created
from psycopg import AsyncCursor

logger = logging.getLogger("chatsphere.database")
LONGEST_SHOWN = 600
_SPACE = re.compile(r"\s+")


def watch() -> None:
    """Look at every statement of the ORM from now on; a statement costs a microsecond more."""
    connection_created.connect(_watch_connection, dispatch_uid="chatsphere.core.slow_queries")


def note(sql: Any, began: float) -> None:
    """Tell of a statement that began at this moment of ``time.perf_counter`` and has just ended, if it was slow."""
    ms = (time.perf_counter() - began) * 1000
    if 0 < settings.SLOW_QUERY_MS <= ms:
        text = _SPACE.sub(" ", sql.decode() if isinstance(sql, bytes) else str(sql)).strip()
        logger.warning("slow statement", extra={"data": {"ms": round(ms, 1), "sql": text[:LONGEST_SHOWN]}})


class TimedCursor(AsyncCursor[Any]):
    """Of the hot path's connections. In a pipeline the time is that of sending: the pipeline's end shows up at whatever is fetched first."""

    async def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return await super().execute(query, *arguments, **options)
        finally:
            note(query, began)


def _watch_connection(connection: Any, **_: Any) -> None:
    if _timed not in connection.execute_wrappers:
        connection.execute_wrappers.append(_timed)


def _timed(execute: Any, sql: Any, parameters: Any, many: Any, context: Any) -> Any:
    began = time.perf_counter()
    try:
        return execute(sql, parameters, many, context)
    finally:
        note(sql, began)
