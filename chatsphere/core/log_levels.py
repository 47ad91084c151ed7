"""Log levels that operators change while everything runs. The wish stands in Redis until it ends; every process reads it every few seconds.

A lost Redis loses the wish: then LOG_LEVEL holds again, which is what an operator who forgot wants anyway.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import orjson
from django.conf import settings
from redis import RedisError

from chatsphere.core.logs import QUIET
from chatsphere.core.redis_clients import sync_client

KEY = "chatsphere:log-levels"
OURS = "chatsphere"
LONGEST_SECONDS = 24 * 3600

_applied: dict[str, str] = {}


def wish(logger: str, level: str, *, seconds: int) -> None:
    """Have ``logger`` and what lies below it log at ``level`` for so long, in all processes. Raises RedisError."""
    wishes = {**wishes_now(), logger: (level, time.time() + seconds)}
    _write(wishes)


def withdraw(logger: str = "") -> None:
    """Take back the wish for one logger, or all of them. Raises RedisError."""
    _write({name: each for name, each in wishes_now().items() if logger and name != logger})


def wishes_now() -> dict[str, tuple[str, float]]:
    """Level and end (Unix time) by logger. Raises RedisError."""
    client: Any = sync_client()
    stored: dict[str, Any] = orjson.loads(client.get(KEY) or b"{}")
    return {name: (str(level), float(until)) for name, (level, until) in stored.items() if until > time.time()}


def follow() -> None:
    """Do in this process what is wished for. One round trip to Redis; nothing changes while it is away."""
    try:
        wishes = wishes_now()
    except (RedisError, OSError, ValueError):
        return
    apply({name: level for name, (level, _) in wishes.items()})


def apply(levels: Mapping[str, str]) -> None:
    """Set these levels, and give back their own to loggers that were named before and are no more."""
    for name in _applied.keys() - levels.keys():
        logging.getLogger(name).setLevel(_own_level(name))
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    _applied.clear()
    _applied.update(levels)


def _own_level(name: str) -> int | str:
    if name == "root":
        return str(settings.LOG_LEVEL)
    return logging.WARNING if name in QUIET else logging.NOTSET


def _write(wishes: Mapping[str, tuple[str, float]]) -> None:
    client: Any = sync_client()
    if not wishes:
        client.delete(KEY)
        return
    last = max(until for _, until in wishes.values())
    client.set(KEY, orjson.dumps(wishes), exat=int(last) + 1)
