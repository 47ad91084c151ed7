"""Doors for beat. Each task may run anywhere, any number of times, also twice at once."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from chatsphere.apps.users import mail, purge, quota
from chatsphere.apps.users.models import QuotaCounter, Session
from chatsphere.apps.users.named_sql import execute
from chatsphere.core import clock, idempotency
from chatsphere.core.table_health import vacuum_hints

logger = logging.getLogger("chatsphere.database")
KEEP_DAYS_OF_CHATBOTS = timedelta(days=40)
KEEP_ENDED_SESSIONS = timedelta(days=90)


@shared_task
def deliver_mail(mail_id: str) -> None:
    """Send one mail, if it is due."""
    mail.deliver(UUID(mail_id))


@shared_task
def sweep_mail() -> None:
    """Hint at mails that are due: the first hint was lost, or the mail server did not answer."""
    mail.sweep()


@shared_task
def release_expired_quota() -> None:
    """Free what requests held that never came to an end."""
    while quota.release_expired():
        pass


@shared_task
def purge_deleted_workspaces() -> None:
    """Remove for good what was deleted longer ago than it can be restored."""
    purge.purge_deleted_workspaces()


@shared_task
def forget_old_rows() -> None:
    """Drop attempts of the day before yesterday, answers kept for repeated requests, counters of past days of chatbots, sessions that ended long ago."""
    execute("forget_old_attempts", {})
    idempotency.forget_expired()
    now = timezone.now()
    of_days = Q(metric__startswith="chatbot:") | Q(metric__startswith="spent:") | Q(metric="budget_day")
    past_days = QuotaCounter.objects.filter(of_days)
    past_days.filter(period__lt=(now - KEEP_DAYS_OF_CHATBOTS).date(), reserved=0).delete()
    Session.objects.filter(ended_at__lt=now - KEEP_ENDED_SESSIONS).delete()
    Session.objects.filter(expires_at__lt=now - KEEP_ENDED_SESSIONS).delete()


@shared_task
def watch_clock() -> None:
    """Each ten seconds: when a clock was set back, what waits for a moment does not wait for longer."""
    clock.mend_after_step()


@shared_task
def look_at_tables() -> None:
    """Each night: say in the log which tables need vacuum and what holds it up."""
    for hint in vacuum_hints():
        logger.warning("vacuum hint: %s", hint)
