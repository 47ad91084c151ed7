"""Doors for Celery."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from chatsphere.apps.conversations import privacy, retention
from chatsphere.apps.conversations.sweep import close_abandoned


@shared_task(name="chatsphere.apps.conversations.tasks.sweep_answers")
def sweep_answers() -> None:
    """Every ten seconds: close the answers whose process died."""
    close_abandoned()


@shared_task(name="chatsphere.apps.conversations.tasks.run_privacy_request")
def run_privacy_request(request_id: str) -> None:
    """Export or erase one visitor, if the request is due."""
    privacy.run_privacy_request(UUID(request_id))


@shared_task(name="chatsphere.apps.conversations.tasks.sweep_privacy")
def sweep_privacy() -> None:
    """Every minute: hint at requests whose first hint was lost, drop old exports."""
    privacy.sweep()


@shared_task(name="chatsphere.apps.conversations.tasks.apply_retention")
def apply_retention() -> None:
    """Every night: delete what workspaces no longer want to keep."""
    retention.apply_retention()
