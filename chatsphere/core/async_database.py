"""The hot path's own PostgreSQL pools: async psycopg, one pool an event loop and lane, no ORM.

Its statements have names (``chatsphere.services.sql``). Rows come as dictionaries.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, LiteralString
from weakref import WeakKeyDictionary

from django.conf import settings
from psycopg import AsyncConnection, OperationalError
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from chatsphere.core.connections import RECONNECT_SECONDS, conninfo, prepared
from chatsphere.core.slow_queries import TimedCursor

AsyncRows = AsyncConnection[dict[str, Any]]
WAIT_SECONDS = 30.0  # first come, first served: a burst waits its turn
AWAY_WAIT_SECONDS = 3.0
AWAY_SECONDS = 30.0  # for which a database that could not be reached counts as away
MOST_WAITING = 4_000  # whoever comes on top of these is told at once
DATABASE_AWAY = (OperationalError, PoolTimeout)  # what is raised while PostgreSQL cannot be reached


class _Pool(AsyncConnectionPool[AsyncRows]):
    """Lets nobody wait for long once the database has been found away: a request takes several connections, one after the other."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._away_until = 0.0
        super().__init__(*args, reconnect_failed=self._note_failure, **kwargs)

    async def getconn(self, timeout: float | None = None) -> AsyncRows:  # noqa: ASYNC109 - the pool's own signature
        """A connection. Raises PoolTimeout after AWAY_WAIT_SECONDS while the database is away, else after ``timeout``."""
        is_away = time.monotonic() < self._away_until
        connection = await super().getconn(timeout=AWAY_WAIT_SECONDS if is_away else timeout)
        self._away_until = 0.0
        return connection

    def _note_failure(self, _pool: Any) -> None:
        self._away_until = time.monotonic() + AWAY_SECONDS


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Pool]] = WeakKeyDictionary()


async def pool(lane: str = "") -> AsyncConnectionPool[AsyncRows]:
    """The running loop's pool, opened on first use. ``async with (await pool()).connection() as c`` is one transaction.

    Waiting longer than WAIT_SECONDS for a connection raises ``psycopg_pool.PoolTimeout``; too long a queue ``TooManyRequests``.
    A named ``lane`` has one connection of its own, for regular work that must not stand in the queue of the requests.
    """
    pools = _pools.setdefault(asyncio.get_running_loop(), {})
    existing = pools.get(lane)
    if existing is None:
        existing = pools[lane] = _Pool(
            conninfo(settings.DATABASES["default"], statement_timeout_ms=settings.SEARCH_TIMEOUT_MS),
            connection_class=AsyncConnection[dict[str, Any]],
            kwargs={
                "row_factory": dict_row,
                "cursor_factory": TimedCursor,
                **prepared(settings.DATABASES["default"]),
            },
            min_size=0,
            max_size=1 if lane else settings.SEARCH_POOL_SIZE,
            timeout=WAIT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            max_waiting=MOST_WAITING,
            open=False,
        )
        await existing.open()
    return existing


@asynccontextmanager
async def autocommit(lane: str = "") -> AsyncIterator[AsyncRows]:
    """A connection on which each statement is a transaction of its own: one round trip where ``pool`` needs three."""
    async with (await pool(lane)).connection() as connection:
        await connection.set_autocommit(True)
        try:
            yield connection
        finally:
            if not connection.closed:
                await connection.set_autocommit(False)


async def read_rows(statement: LiteralString, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All rows of one statement that is a transaction of its own. Raises what ``pool`` raises, and psycopg's errors."""
    async with autocommit() as connection:
        return await (await connection.execute(statement, parameters)).fetchall()


async def close_pool() -> None:
    """Close the running loop's pools, for tests and for the end of a process."""
    for existing in _pools.pop(asyncio.get_running_loop(), {}).values():
        await existing.close()
