"""Wakes a worker by a task's name. A hint carries no work: rows are the truth, and a sweep finds what a lost hint would have told."""

from __future__ import annotations

import logging
import time
from functools import partial

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger("chatsphere.hints")

QUIET_SECONDS = 10.0  # after a failure nobody waits for Redis again so soon

_quiet_until = 0.0


def hint_after_commit(name: str, *arguments: str, queue: str = "default", countdown: float = 0) -> None:
    """Send a task's name and ids when the transaction has committed, to be looked at in ``countdown`` seconds. Never fails the caller."""
    transaction.on_commit(partial(send_hint, name, *arguments, queue=queue, countdown=countdown), robust=True)


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
