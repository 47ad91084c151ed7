"""Doors for Celery."""

from __future__ import annotations

from celery import shared_task

from chatsphere.apps.conversations.sweep import close_abandoned


@shared_task(name="chatsphere.apps.conversations.tasks.sweep_answers")
def sweep_answers() -> None:
    """Every ten seconds: close the answers whose process died."""
    close_abandoned()
