"""Wakes a worker by a task's name. A hint carries no work: rows are the truth, and a sweep finds what a lost hint would have told."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from functools import partial

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from chatsphere.core.redis_clients import REDIS_AWAY, sync_client

logger = logging.getLogger("chatsphere.hints")

ON_ITS_WAY_SECONDS = 2.0  # for which a hint that no worker has taken yet serves others, too
QUIET_SECONDS = 10.0  # after a failure nobody waits for Redis again so soon

_quiet_until = 0.0


def hint_after_commit(name: str, *arguments: str, queue: str = "default", countdown: float = 0) -> None:
    """Send a task's name and ids when the transaction has committed, to be looked at in ``countdown`` seconds. Never fails the caller."""
    transaction.on_commit(partial(send_hint, name, *arguments, queue=queue, countdown=countdown), robust=True)


def hint_once_after_commit(name: str, *arguments: str, queue: str = "default") -> None:
    """``hint_after_commit`` for a task that looks at all that is due: nothing is sent while such a hint waits to be taken.

    The task must begin with ``hint_is_taken``. Whoever found a hint on its way had committed before, so its row is seen.
    """
    transaction.on_commit(partial(_send_once, name, *arguments, queue=queue), robust=True)


def hint_is_taken(name: str) -> None:
    """The first thing that such a task does: what is committed from now on needs another hint."""
    with suppress(*REDIS_AWAY):
        sync_client().delete(_on_its_way(name))


def _send_once(name: str, *arguments: str, queue: str) -> None:
    if time.monotonic() < _quiet_until:
        return
    try:
        is_first = sync_client().set(_on_its_way(name), 1, px=round(ON_ITS_WAY_SECONDS * 1000), nx=True)
    except REDIS_AWAY:
        is_first = True
    if is_first and not send_hint(name, *arguments, queue=queue):
        hint_is_taken(name)


def _on_its_way(name: str) -> str:
    return f"chatsphere:hint:{name}"


def send_hint(name: str, *arguments: str, queue: str = "default", countdown: float = 0) -> bool:
    """Send it, to be looked at in ``countdown`` seconds; False when Redis is away."""
    global _quiet_until  # one flag a process is the point
    if time.monotonic() < _quiet_until:
        return False
    try:
        current_app.send_task(
            name, arguments, queue=queue, countdown=countdown or None, retry=False, ignore_result=True
        )
    except OperationalError as error:
        _quiet_until = time.monotonic() + QUIET_SECONDS
        logger.warning("Redis is away (%s); the sweep will find the work.", error)
        return False
    return True
