"""Doors for Celery."""

from __future__ import annotations

from celery import shared_task

from chatsphere.apps.chatbots import actions


@shared_task(ignore_result=True)
def purge_deleted_chatbots() -> None:
    """Sent by beat: removes for good what was deleted longer ago than it can be restored."""
    actions.purge_deleted_chatbots()
