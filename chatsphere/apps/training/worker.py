"""Takes the next due run, does it, and makes something of every way in which it may end."""

from __future__ import annotations

import logging
from threading import Event
from uuid import UUID

import psycopg
from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training import outcomes, pipeline
from chatsphere.apps.training.database import engine_connection
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.models import KnowledgeStatistics, Run
from chatsphere.core import durable, engines
from chatsphere.services.errors import PermanentError, RetryableError
from chatsphere.services.vector_store.base import ChatbotRef

logger = logging.getLogger("chatsphere.training")

STALE_SECONDS = 0.5  # statistics younger than this are not counted again while more documents are coming
_AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


def do_next_run() -> bool:
    """Claim the next due run by fairness and do it; False when nothing is due. Raises only what leaves the lease to run out."""
    run = _claim()
    if run is None:
        return False
    try:
        with durable.kept_alive(run) as lost:
            _attempt(run, lost)
    except durable.LostLease:
        logger.info("Run %s was taken over, cancelled or deleted.", run.pk)
    else:
        _refresh_soon(run)
    return True


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
        _retry(run, error_type="internal_error", message=_("Something went wrong on our side. It is tried again."))


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
        _retry(run, error_type="database_unavailable", message=_("The database was not available. It is tried again."))
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


def _refresh_soon(run: Run) -> None:
    """At most twice a second and chatbot while documents come in; the last one of a burst always counts."""
    counted_at = KnowledgeStatistics.objects.filter(pk=run.chatbot_id).values_list("updated_at", flat=True).first()
    is_fresh = counted_at is not None and (timezone.now() - counted_at).total_seconds() < STALE_SECONDS
    if is_fresh and Run.objects.filter(chatbot_id=run.chatbot_id, state__in=durable.OPEN_STATES).exists():
        return
    refresh_statistics(run.chatbot_id)
