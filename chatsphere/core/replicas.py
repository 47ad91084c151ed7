"""Reads from a copy of the database (``DATABASE_REPLICA_URL``), where nobody can tell the difference.

Who wrote reads from the primary until the replica has replayed what they wrote: a write leaves the log's position under the credential in Redis, a read
compares it with the replica's. Without Redis, behind by more than MOST_BEHIND seconds, or away, the replica is left out; a read that it failed
during is done again by the primary. Only GET requests of views that use the ORM are asked there.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import orjson
from asgiref.sync import iscoroutinefunction, sync_to_async
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from redis import RedisError

from chatsphere.core.redis_clients import sync_cache_client

logger = logging.getLogger("chatsphere.replicas")
REPLICA = "replica"
MOST_BEHIND = 10.0  # seconds; older reads would be noticed by people who wait for somebody else's change
FRESH_SECONDS = 0.25
AWAY_SECONDS = 5.0
KEPT_SECONDS = 60  # a replica that is further behind is left out anyway
UNAVAILABLE = (500, 503)

_reads_there: ContextVar[bool] = ContextVar("reads_from_replica", default=False)

# Without traffic nothing is replayed, and nothing is behind.
_STATE = """
SELECT pg_last_wal_replay_lsn() - '0/0'::pg_lsn,
       CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END
"""
_WRITTEN = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"


class Router:
    """Django's router: reads of a request that may go there do, until it writes or is in a transaction."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        is_free = _reads_there.get() and not connections[DEFAULT_DB_ALIAS].in_atomic_block
        return REPLICA if is_free else DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        _reads_there.set(False)
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True  # the same rows

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


def stay_with_primary() -> None:
    """The running request reads nothing from the replica: what it finds is kept under a version that the primary told."""
    _reads_there.set(False)


@dataclass(slots=True)
class _Replica:
    """What this process knows of it."""

    replayed: int = -1
    behind: float = float("inf")
    looked_at: float = -1e9
    away_until: float = -1e9

    def has(self, position: int) -> bool:
        """Whether it has replayed up to there and is not far behind. Costs a query four times a second."""
        now = time.monotonic()
        if now < self.away_until:
            return False
        if now - self.looked_at > FRESH_SECONDS:
            self._look(now)
        return self.replayed >= position and self.behind <= MOST_BEHIND

    def is_away(self) -> None:
        self.replayed, self.away_until = -1, time.monotonic() + AWAY_SECONDS

    def _look(self, now: float) -> None:
        try:
            with connections[REPLICA].cursor() as cursor:
                cursor.execute(_STATE)
                replayed, behind = cursor.fetchone()
            self.replayed, self.behind, self.looked_at = int(replayed or -1), float(behind or 0), now
        except Error as error:
            logger.warning("The replica does not answer; the primary does its reads: %s", error)
            self.is_away()


_replica = _Replica()


@sync_and_async_middleware
def ReplicaMiddleware(get_response: Any) -> Any:  # noqa: N802 - named like the classes beside it
    """Decides for each request; stands in the list only where there is a replica."""

    def run(request: HttpRequest) -> Any:
        if not _is_read(request):
            return _note_write(request, get_response(request))
        _reads_there.set(_may_read_there(request))
        response = get_response(request)
        if _must_repeat(response):
            response = get_response(request)
        _reads_there.set(False)
        return response

    async def run_async(request: HttpRequest) -> Any:
        if not _is_read(request):
            response = await get_response(request)
            return await sync_to_async(_note_write)(request, response)
        _reads_there.set(await sync_to_async(_may_read_there)(request))
        response = await get_response(request)
        if _must_repeat(response):
            response = await get_response(request)
        _reads_there.set(False)
        return response

    return run_async if iscoroutinefunction(get_response) else run


def _is_read(request: HttpRequest) -> bool:
    return request.method in ("GET", "HEAD")


def _may_read_there(request: HttpRequest) -> bool:
    if not request.path_info.startswith("/api/") or "Authorization" not in request.headers:
        return False
    try:
        written = sync_cache_client().get(_key(request))
    except (RedisError, OSError):
        return False
    return _replica.has(int(written) if written else 0)


def _must_repeat(response: HttpResponseBase) -> bool:
    """A read that failed while the replica was asked is done again by the primary; reads change nothing."""
    if not _reads_there.get() or response.status_code not in UNAVAILABLE:
        return False
    _replica.is_away()
    _reads_there.set(False)
    return True


def _note_write(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if request.method in ("OPTIONS",) or "Authorization" not in request.headers:
        return response
    try:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(_WRITTEN)
            position = int(cursor.fetchone()[0])
        sync_cache_client().set(_key(request), position, ex=KEPT_SECONDS)
    except (Error, RedisError, OSError) as error:
        logger.warning("A write could not be noted for reads from the replica: %s", error)
        _replica.is_away()
    return response


def _key(request: HttpRequest) -> str:
    digest = hashlib.sha256(_who(request.headers["Authorization"]).encode()).hexdigest()[:32]
    return f"chatsphere:wrote:{digest}"


def _who(authorization: str) -> str:
    """A person stays the same when their access token is renewed. Nothing is believed: it only says whose writes count."""
    parts = authorization.split(".")
    if len(parts) != 3:
        return authorization
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return str(claims["sub"])
    except (ValueError, KeyError, TypeError):
        return authorization
