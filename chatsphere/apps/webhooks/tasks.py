"""Doors for Celery. What they do can be repeated, and any of them may be killed at any moment."""

from __future__ import annotations

import time
from typing import Final

from celery import shared_task

from chatsphere.apps.webhooks import actions, dispatch
from chatsphere.apps.webhooks.fan_out import fan_out
from chatsphere.apps.webhooks.hints import WORK

TURN_SECONDS: Final = 20.0


@shared_task(name=WORK)
def work() -> None:
    """A hint that something was announced or queued. After its turn the rest is left to another hint, for the sake of other tasks."""
    fan_out()
    dispatch.dispatch(time.monotonic() + TURN_SECONDS)


@shared_task(name="chatsphere.apps.webhooks.tasks.sweep_webhooks")
def sweep_webhooks() -> None:
    """Each five seconds: give back what a dead worker held, then find what hints did not tell."""
    dispatch.requeue_crashed()
    work()


@shared_task(name="chatsphere.apps.webhooks.tasks.purge_old_events")
def purge_old_events() -> None:
    """Each hour: forget what is older than a month."""
    actions.purge_old_events()
