"""How cached values are written: JSON, never pickle. And where they are spread: in a Redis Cluster, key by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from django.core.cache.backends.redis import RedisCache, RedisCacheClient

from chatsphere.core.redis_clients import sync_cache_client


class JSONSerializer:
    """For Django's Redis cache. Integers stay plain, so that ``incr`` works."""

    def dumps(self, obj: Any) -> bytes | int:
        return obj if type(obj) is int else orjson.dumps(obj)

    def loads(self, data: bytes) -> Any:
        return orjson.loads(data)


class _ClusterClient(RedisCacheClient):
    """Django's client on the cluster's: what it does to several keys at once is done server by server."""

    _serializer: Any

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        return sync_cache_client()

    def get_many(self, keys: Iterable[Any]) -> dict[Any, Any]:
        names = list(keys)
        found = zip(names, self.get_client().mget_nonatomic(names), strict=True)
        return {name: self._serializer.loads(value) for name, value in found if value is not None}

    def set_many(self, data: Mapping[Any, Any], timeout: Any) -> None:
        for name, value in data.items():
            self.set(name, value, timeout)


class ClusterCache(RedisCache):
    """Django's Redis cache where CACHE_REDIS_URL names a cluster."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _ClusterClient
