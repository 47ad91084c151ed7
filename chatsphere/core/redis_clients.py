"""Redis clients that give up quickly: whoever asks must have an answer of its own for when Redis is away.

Their pools are small and wait for a free connection: a burst of requests must not become a burst of connections.
What is asked for each request and may be lost (limits, the cache, whose writes a replica has) may lie elsewhere, also in a Redis Cluster
(``CACHE_REDIS_URL``); the queue, events of answers and everything else lie at ``REDIS_URL``.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any, cast
from weakref import WeakKeyDictionary

from django.conf import settings
from redis import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio import BlockingConnectionPool as AsyncBlockingConnectionPool
from redis.asyncio import ConnectionPool as AsyncConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelConnectionPool
from redis.exceptions import RedisError
from redis.sentinel import Sentinel, SentinelConnectionPool

from chatsphere.core.connections import cluster, sentinels
from chatsphere.core.redis_cluster import AsyncCacheCluster, CacheCluster

TIMEOUT_SECONDS = 1.0
REDIS_AWAY = (RedisError, OSError)  # what is raised while Redis cannot be reached, or refuses; time-outs are OSErrors
CONNECTIONS = 8
_SENTINEL: Any = Sentinel  # the library gives them no types
_ASYNC_SENTINEL: Any = AsyncSentinel
_ASKING = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}

_async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncRedis] = WeakKeyDictionary()
_async_cache_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncRedis | AsyncCacheCluster] = WeakKeyDictionary()


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


def probe(timeout: float, url: str = "") -> Redis:
    """A client of its own, for one question whether the Redis of ``url`` (REDIS_URL unless told) answers; close it.

    Raises RedisError at once for a cluster of which no server answers.
    """
    limits = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    return _client_of(url or settings.REDIS_URL, ConnectionPool, **limits)


def _client_of(url: str, kind: type[ConnectionPool], **options: Any) -> Redis:
    """A cluster's client has the commands of a Redis, which is all that is asked of it."""
    spread: Any = cluster(url)
    if spread is not None:
        made: Any = CacheCluster(spread, **_ASKING)
        return cast("Redis", made)
    return Redis.from_pool(sync_pool(url, kind, **options))


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


def is_cache_spread() -> bool:
    """Whether the cache and limits lie in a cluster: then a script may use one key only."""
    return cluster(settings.CACHE_REDIS_URL) is not None


@cache
def _own_cache_client(url: str) -> Redis:
    return _client_of(url, BlockingConnectionPool, **_options())


def sync_cache_client() -> Redis:
    """This process's client for limits and what else may be lost. Raises RedisError when nothing answers in a cluster's first use."""
    return _own_cache_client(settings.CACHE_REDIS_URL) if settings.CACHE_REDIS_URL else sync_client()


def async_cache_client() -> AsyncRedis | AsyncCacheCluster:
    """The running loop's client for the same; connects on first use."""
    if not settings.CACHE_REDIS_URL:
        return async_client()
    loop = asyncio.get_running_loop()
    client = _async_cache_clients.get(loop)
    if client is None:
        client = _async_cache_clients[loop] = _own_async_cache_client(settings.CACHE_REDIS_URL)
    return client


def _own_async_cache_client(url: str) -> AsyncRedis | AsyncCacheCluster:
    spread = cluster(url)
    if spread is None:
        return AsyncRedis.from_pool(_async_pool(url, **_options()))
    return AsyncCacheCluster(spread, **_ASKING)


async def close_async_client() -> None:
    """Close the running loop's clients, for tests and for the end of a process."""
    loop = asyncio.get_running_loop()
    for client in (_async_clients.pop(loop, None), _async_cache_clients.pop(loop, None)):
        if client is not None:
            await client.aclose()
