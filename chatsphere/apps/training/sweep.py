"""What the clock does for training, every ten seconds. Idempotent; several beats do no harm."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.training import outcomes, worker
from chatsphere.apps.training.actions import BY_THE_CLOCK, HINTS, sync_source
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.hints import INGEST, RUN_TRAINING
from chatsphere.apps.training.models import Run, TermChange, TrainingSource
from chatsphere.apps.training.refresh import next_refresh
from chatsphere.core import durable
from chatsphere.core.connections import direct_conninfo
from chatsphere.core.durable import DurableState
from chatsphere.core.exceptions import Conflict, Forbidden, NotFound
from chatsphere.core.hints import send_hint
from chatsphere.services.vector_store.base import ChatbotRef

logger = logging.getLogger("chatsphere.training")

_LOCK = "chatsphere.training.sweep"
REFRESHES_A_SWEEP = 100


def sweep() -> None:
    """Crashed runs go back to the queue or fail; due refreshes are queued; workers are woken; statistics are counted."""
    with _alone() as is_ours:
        if not is_ours:
            return
        crashed = sql("requeue_crashed", {"most": durable.MAX_CRASHES})
        if crashed:
            logger.warning("%s runs lost their worker and are queued again.", len(crashed))
        _fail_hopeless()
        _queue_refreshes()
        _wake_workers()
        _count_statistics()


@contextmanager
def _alone() -> Iterator[bool]:
    """One sweep at a time in the whole house. The lock belongs to a connection of its own, so a dead sweep does not keep it."""
    entry = {**settings.DATABASES["default"], "NAME": connection.settings_dict["NAME"]}
    with psycopg.connect(direct_conninfo(entry, settings.DATABASE_DIRECT_URL), autocommit=True) as own:
        row = own.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [_LOCK]).fetchone()
        yield bool(row and row[0])


def _fail_hopeless() -> None:
    """Runs whose worker died time and again: something in them kills it."""
    late = Run.objects.filter(
        state=DurableState.RUNNING, lease_until__lt=timezone.now(), crashes__gte=durable.MAX_CRASHES - 1
    )
    for run in late.select_related("source"):
        try:
            outcomes.failed(run, error_type="crashed", message=_("The worker died each time it read this source."))
        except durable.LostLease:
            continue


def _queue_refreshes() -> None:
    due = TrainingSource.objects.alive().filter(next_refresh_at__lte=timezone.now()).order_by("next_refresh_at")
    for source in due.defer("options")[:REFRESHES_A_SWEEP]:
        following = next_refresh(source.refresh, timezone.now())
        TrainingSource.objects.filter(pk=source.pk).update(next_refresh_at=following)
        try:
            with transaction.atomic():
                sync_source(source=source, is_forced=False, priority=BY_THE_CLOCK)
        except (Conflict, Forbidden, NotFound):
            continue


def _wake_workers() -> None:
    due = Run.objects.filter(state=DurableState.QUEUED, available_at__lte=timezone.now()).order_by()
    for run_id in due.values_list("pk", flat=True)[:HINTS]:
        send_hint(RUN_TRAINING, str(run_id), queue=INGEST)


def _count_statistics() -> None:
    for pair in TermChange.objects.order_by().values_list("workspace_id", "chatbot_id").distinct():
        worker.count_when_due(ChatbotRef(*pair), ends_at=time.monotonic() + worker.FORGETTING_SECONDS)
