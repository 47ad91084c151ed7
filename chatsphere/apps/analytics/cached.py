"""Reports are kept for an hour, under the generation of the roll-ups they were made from: what is read there is never out of date."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
from django.core.cache import cache
from redis import RedisError

KEPT_SECONDS = 3600
logger = logging.getLogger("chatsphere.analytics")


def cached(workspace_id: UUID, generation: int, key: object, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``make`` gives, as JSON has it, or the same from the cache. Without Redis it is made each time."""
    digest = hashlib.sha256(repr(key).encode()).hexdigest()
    name = f"{workspace_id}:analytics:{generation}:{digest}"
    try:
        found: dict[str, Any] | None = cache.get(name)
        if found is None:
            found = orjson.loads(orjson.dumps(make()))
            cache.set(name, found, KEPT_SECONDS)
    except RedisError as error:
        logger.warning("Redis is away (%s); a report is made anew.", error)
        found = orjson.loads(orjson.dumps(make()))
    return found
