"""Doors for beat. Each task may run anywhere, any number of times, also twice at once."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from chatsphere.apps.analytics import answering, coverage, digest, inbox, rolling


@shared_task
def roll_up() -> None:
    """Each half minute: sum what changed, then sort new questions into the inbox."""
    rolling.roll_up_all()
    inbox.sort_in_all()


@shared_task
def ask_again(work_id: str) -> None:
    """Ask the questions of a cluster again, if their answer is trained."""
    answering.ask_again(UUID(work_id))


@shared_task
def sweep_answering() -> None:
    """Each ten seconds: hint at answering that is due."""
    answering.sweep()


@shared_task
def tidy_inbox() -> None:
    """Each six hours: move questions to the cluster that is nearest now."""
    inbox.tidy_up_all()


@shared_task
def look_at_content() -> None:
    """Each six hours: what is said twice, contradicts, or changed at its origin."""
    coverage.look_at_all()


@shared_task
def send_digests() -> None:
    """Each half hour: the digests of last week that are due."""
    digest.send_due()
