"""Takes the next due run, does it, and makes something of every way in which it may end."""

from __future__ import annotations

import logging
import time
from threading import Event
from uuid import UUID

import psycopg
from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training import outcomes, pipeline
from chatsphere.apps.training.database import engine_connection
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.models import Run
from chatsphere.core import durable, engines
from chatsphere.services.errors import PermanentError, RetryableError
from chatsphere.services.vector_store.base import ChatbotRef

logger = logging.getLogger("chatsphere.training")

STALE_SECONDS = 0.5  # statistics younger than this are not counted again while more documents are coming
_AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


def work_until(ends_at: float) -> bool:
    """Do due runs, by fairness, until none is left (False) or until this moment of ``time.monotonic`` has passed (True)."""
    statistics = Statistics()
    try:
        while (run := _claim()) is not None:
            do(run)
            statistics.changed(run.chatbot_id)
            if time.monotonic() > ends_at:
                return True
        return False
    finally:
        statistics.finish()


def do(run: Run) -> None:
    """Do a claimed run. Raises only what leaves it to its lease."""
    try:
        with durable.kept_alive(run) as lost:
            _attempt(run, lost)
    except durable.LostLease:
        logger.info("Run %s was taken over, cancelled or deleted.", run.pk)


def _claim() -> Run | None:
    rows = sql("claim_next", {"lease": durable.LEASE})
    if not rows:
        return None
    run: Run | None = Run.objects.select_related("source", "chatbot").filter(pk=rows[0]["id"]).first()
    return run


def _attempt(run: Run, lost: Event) -> None:
    try:
        if run.chatbot.deleted_at is not None:
            _cancel(run)
        else:
            pipeline.train(run, lost)
    except durable.LostLease:
        raise
    except pipeline.MakeRoom:
        outcomes.made_room(run)
    except RetryableError as error:
        outcomes.retried(run, error_type=error.type, message=error.message, after=error.retry_after)
    except PermanentError as error:
        outcomes.failed(run, error_type=error.type, message=error.message)
    except _AWAY:
        logger.warning("The database failed during run %s.", run.pk, exc_info=True)
        _retry_after_outage(run)
    except Exception:  # a bug must not leave the run to the leases, which would repeat it ten times
        logger.exception("Run %s failed unexpectedly.", run.pk)
        _retry(run, error_type="internal_error", message=_("Something went wrong on our side."))


def _cancel(run: Run) -> None:
    with transaction.atomic():
        durable.hold(run)
        outcomes.cancelled(run)


def _retry(run: Run, *, error_type: str, message: str) -> None:
    outcomes.retried(run, error_type=error_type, message=message, after=None)


def _retry_after_outage(run: Run) -> None:
    """PostgreSQL restarted, or two writers met badly: once more on a new connection, else the lease runs out."""
    connection.close()
    try:
        _retry(run, error_type="database_unavailable", message=_("The database was not available."))
    except (Error, psycopg.Error):
        logger.warning("Run %s is left to its lease.", run.pk)


def refresh_statistics(chatbot_id: UUID) -> None:
    """Count the chatbot's terms anew where something changed, in a transaction of its own."""
    workspace_id = Chatbot.objects.filter(pk=chatbot_id).values_list("workspace_id", flat=True).first()
    if workspace_id is None:
        return
    with transaction.atomic():
        reference = ChatbotRef(workspace_id, chatbot_id)
        engines.vector_store().refresh_statistics(engine_connection(), chatbot=reference)


class Statistics:
    """Counts chatbots' terms at most twice a second while documents come in, and once more at the end of the burst.

    What a killed worker has not counted is found by the sweep.
    """

    def __init__(self) -> None:
        self._counted_at: dict[UUID, float] = {}
        self._waiting: set[UUID] = set()

    def changed(self, chatbot_id: UUID) -> None:
        """Something was added to the chatbot or taken from it."""
        if time.monotonic() - self._counted_at.get(chatbot_id, 0.0) < STALE_SECONDS:
            self._waiting.add(chatbot_id)
        else:
            self._count(chatbot_id)

    def finish(self) -> None:
        """Count what still waits."""
        for chatbot_id in sorted(self._waiting):
            self._count(chatbot_id)

    def _count(self, chatbot_id: UUID) -> None:
        refresh_statistics(chatbot_id)
        self._counted_at[chatbot_id] = time.monotonic()
        self._waiting.discard(chatbot_id)
