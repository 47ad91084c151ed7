"""Redis clients that give up quickly: whoever asks must have an answer of its own for when Redis is away.

Their pools are small and wait for a free connection: a burst of requests must not become a burst of connections.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from redis import BlockingConnectionPool, Redis
from redis.asyncio import BlockingConnectionPool as AsyncBlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis

TIMEOUT_SECONDS = 1.0
CONNECTIONS = 8

_async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncRedis] = WeakKeyDictionary()


def _options() -> dict[str, Any]:
    return {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "max_connections": CONNECTIONS,
        "timeout": TIMEOUT_SECONDS,
    }


@cache
def sync_client() -> Redis:
    """This process's client; connects on first use."""
    return Redis(connection_pool=BlockingConnectionPool.from_url(settings.REDIS_URL, **_options()))


def async_client() -> AsyncRedis:
    """The running loop's client; connects on first use."""
    loop = asyncio.get_running_loop()
    client = _async_clients.get(loop)
    if client is None:
        pool = AsyncBlockingConnectionPool.from_url(settings.REDIS_URL, **_options())
        client = _async_clients[loop] = AsyncRedis.from_pool(pool)
    return client


async def close_async_client() -> None:
    """Close the running loop's client, for tests and for the end of a process."""
    client = _async_clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()
