"""Redis Cluster for what can be spread over many servers: the cache and limits, each key by itself.

The library's clients, but that they give up quickly and that whatever goes wrong is a RedisError, as with a single server.
"""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio.cluster import ClusterNode as AsyncClusterNode
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from chatsphere.core.connections import ClusterAddress

TRIES_AGAIN = 1  # then whoever asks goes on without Redis
COMMANDS_AT_ONCE = 32  # of a loop; more would open a connection each
_NODE: Any = ClusterNode  # the library gives these no types
_CLUSTER: Any = RedisCluster


class CacheCluster(RedisCluster):
    """For threads. Connects when it is made; raises RedisError when no server answers."""

    def __init__(self, address: ClusterAddress, **options: Any) -> None:
        nodes = [_NODE(host, port) for host, port in address.nodes]
        retry = Retry(NoBackoff(), TRIES_AGAIN)
        try:
            super().__init__(startup_nodes=nodes, retry=retry, **address.options, **options)
        except RedisClusterException as error:
            raise RedisConnectionError(str(error)) from error

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """As the library's; errors of the cluster are RedisErrors."""
        try:
            return _CLUSTER.execute_command(self, *args, **kwargs)
        except RedisClusterException as error:
            raise RedisConnectionError(str(error)) from error


class AsyncCacheCluster(AsyncRedisCluster):
    """For one event loop; connects on first use.

    After some redirections and while the cluster is down the library closes all connections, also those of commands in flight, which then
    end in an AttributeError. So redirections are avoided: it learns who owns what before its first command (which it would
    send anywhere), and ``reinitialize_steps=0`` only notes one slot's new owner. The rest is told as what it is.
    """

    def __init__(self, address: ClusterAddress, **options: Any) -> None:
        nodes = [AsyncClusterNode(host, port) for host, port in address.nodes]
        retry = AsyncRetry(NoBackoff(), TRIES_AGAIN)
        super().__init__(startup_nodes=nodes, retry=retry, reinitialize_steps=0, **address.options, **options)
        self._turns = asyncio.Semaphore(COMMANDS_AT_ONCE)

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """As the library's, so many at once; errors of the cluster are RedisErrors."""
        async with self._turns:
            try:
                await self.initialize()
                return await super().execute_command(*args, **kwargs)
            except (RedisClusterException, AttributeError) as error:
                raise RedisConnectionError(str(error)) from error
