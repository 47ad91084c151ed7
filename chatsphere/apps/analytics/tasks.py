"""Doors for beat. Each task may run anywhere, any number of times, also twice at once."""

from __future__ import annotations

from celery import shared_task

from chatsphere.apps.analytics import rolling


@shared_task
def roll_up() -> None:
    """Each half minute: sum what changed."""
    rolling.roll_up_all()
