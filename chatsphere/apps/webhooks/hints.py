"""Tells the workers that something was announced or queued."""

from __future__ import annotations

import asyncio
from typing import Final

from django.db import transaction

from chatsphere.core.hints import hint_after_commit, send_hint

WORK: Final = "chatsphere.apps.webhooks.tasks.work"
ASYNC_DELAY_SECONDS = 0.3  # by then the caller's transaction has committed; if not, the sweep comes

_planned: asyncio.TimerHandle | None = None


def hint() -> None:
    """After this transaction; without one, now."""
    if transaction.get_connection().in_atomic_block:
        hint_after_commit(WORK)
    else:
        send_hint(WORK)


def hint_soon() -> None:
    """From async code: one hint for everything that is announced within a moment, sent beside the event loop."""
    global _planned  # one plan a process is the point
    loop = asyncio.get_running_loop()
    if _planned is None or _planned.cancelled() or _planned.when() < loop.time():
        _planned = loop.call_later(ASYNC_DELAY_SECONDS, lambda: loop.run_in_executor(None, send_hint, WORK))
