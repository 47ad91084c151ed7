"""Tells the workers that something was announced or queued."""

from __future__ import annotations

import asyncio
from typing import Final

from django.db import transaction
from redis import RedisError

from chatsphere.core.hints import send_hint
from chatsphere.core.redis_clients import sync_client

WORK: Final = "chatsphere.apps.webhooks.tasks.work"
ASYNC_DELAY_SECONDS = 0.3  # by then the caller's transaction has committed; if not, the sweep comes

COLLECT_SECONDS = 0.3
PENDING = "chatsphere:webhooks:hint"

_planned: asyncio.TimerHandle | None = None


def hint() -> None:
    """When this transaction has committed. One hint serves everything that is announced within COLLECT_SECONDS, by any process."""
    transaction.on_commit(_send_one_for_all, robust=True)


def _send_one_for_all() -> None:
    try:
        is_first = sync_client().set(PENDING, 1, px=round(COLLECT_SECONDS * 1000), nx=True)
    except RedisError:
        is_first = True
    if is_first:
        send_hint(WORK, countdown=COLLECT_SECONDS)


def hint_soon() -> None:
    """From async code: one hint for everything that is announced within a moment, sent beside the event loop."""
    global _planned  # one plan a process is the point
    loop = asyncio.get_running_loop()
    if _planned is None or _planned.cancelled() or _planned.when() < loop.time():
        _planned = loop.call_later(ASYNC_DELAY_SECONDS, lambda: loop.run_in_executor(None, send_hint, WORK))
