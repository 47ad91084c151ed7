"""Redis clients that give up quickly: whoever asks must have an answer of its own for when Redis is away.

Their pools are small and wait for a free connection: a burst of requests must not become a burst of connections.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from redis import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio import BlockingConnectionPool as AsyncBlockingConnectionPool
from redis.asyncio import ConnectionPool as AsyncConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelConnectionPool
from redis.sentinel import Sentinel, SentinelConnectionPool

from chatsphere.core.connections import sentinels

TIMEOUT_SECONDS = 1.0
CONNECTIONS = 8
_SENTINEL: Any = Sentinel  # the library gives them no types
_ASYNC_SENTINEL: Any = AsyncSentinel
_ASKING = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}

_async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncRedis] = WeakKeyDictionary()


def _options() -> dict[str, Any]:
    return {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "max_connections": CONNECTIONS,
        "timeout": TIMEOUT_SECONDS,
    }


class _SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to whoever is the master at the moment; waits for a free one."""


class _AsyncSentinelPool(AsyncSentinelConnectionPool, AsyncBlockingConnectionPool):
    """The same for async clients."""


class CachePool:
    """Where Django's cache takes its connections from."""

    @staticmethod
    def from_url(url: str, **options: Any) -> ConnectionPool:
        return sync_pool(url, ConnectionPool, **options)


def sync_pool(url: str, kind: type[ConnectionPool] = BlockingConnectionPool, **options: Any) -> ConnectionPool:
    """Connections to the Redis of ``url``, by way of its sentinels where it names some."""
    watched = sentinels(url)
    if watched is None:
        return kind.from_url(url, **options)
    pool: Any = _SentinelPool if kind is BlockingConnectionPool else SentinelConnectionPool
    manager = _SENTINEL(watched.addresses, sentinel_kwargs=_ASKING | watched.of_sentinels)
    made: ConnectionPool = pool(watched.service, manager, **watched.of_redis, **options)
    return made


def _async_pool(url: str, **options: Any) -> AsyncConnectionPool:
    watched = sentinels(url)
    if watched is None:
        return AsyncBlockingConnectionPool.from_url(url, **options)
    pool: Any = _AsyncSentinelPool
    manager = _ASYNC_SENTINEL(watched.addresses, sentinel_kwargs=_ASKING | watched.of_sentinels)
    made: AsyncConnectionPool = pool(watched.service, manager, **watched.of_redis, **options)
    return made


def probe(timeout: float) -> Redis:
    """A client of its own, for one question whether Redis answers; close it."""
    limits = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    return Redis.from_pool(sync_pool(settings.REDIS_URL, ConnectionPool, **limits))


@cache
def sync_client() -> Redis:
    """This process's client; connects on first use."""
    return Redis(connection_pool=sync_pool(settings.REDIS_URL, **_options()))


def async_client() -> AsyncRedis:
    """The running loop's client; connects on first use."""
    loop = asyncio.get_running_loop()
    client = _async_clients.get(loop)
    if client is None:
        client = _async_clients[loop] = AsyncRedis.from_pool(_async_pool(settings.REDIS_URL, **_options()))
    return client


async def close_async_client() -> None:
    """Close the running loop's client, for tests and for the end of a process."""
    client = _async_clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()
