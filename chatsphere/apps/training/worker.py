"""Takes the next due run, does it, and makes something of every way in which it may end."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from threading import Event
from typing import Any
from uuid import UUID

import psycopg
from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training import archives, knowledge, large, outcomes, pipeline, slots, together, web
from chatsphere.apps.training.database import engine_connection
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.hints import INGEST, RUN_TRAINING
from chatsphere.apps.training.models import Run, TrainingSource
from chatsphere.apps.training.models.source import WEB_TYPES
from chatsphere.core import context, durable, engines, stopping
from chatsphere.core.durable import DurableState
from chatsphere.core.hints import send_hint
from chatsphere.core.outages import Outage, outage_of
from chatsphere.services.content.extract import ZIP
from chatsphere.services.errors import PermanentError, RetryableError
from chatsphere.services.vector_store.base import ChatbotRef

logger = logging.getLogger("chatsphere.training")

FORGETTING_SECONDS = 2.0  # of what a deletion has left; the rest is somebody else's, or another time's
STALE_SECONDS = 1.0  # statistics younger than this are not counted again while more documents are coming: each time all buckets are written
NO_MEMORY_SECONDS = 20.0  # until it is tried again: others may have taken the memory
_AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


def work_until(ends_at: float) -> bool:
    """Do due runs, by fairness, until none is left (False), until this moment of ``time.monotonic`` has passed or this worker shall stop (True)."""
    statistics = Statistics()
    try:
        while runs := _claim_several(together.MOST):
            do_all(runs)
            statistics.changed(ChatbotRef(runs[0].workspace_id, runs[0].chatbot_id))
            if time.monotonic() > ends_at or stopping.is_asked():
                return True
        return False
    finally:
        statistics.finish()


def do(run: Run) -> None:
    """Do a claimed run. Raises only what leaves it to its lease."""
    with _known_as(run):
        try:
            with durable.kept_alive(run) as lost:
                _attempt(run, lost)
        except durable.LostLease:
            logger.info("Run %s was taken over, cancelled or deleted.", run.pk)


def _known_as(run: Run) -> AbstractContextManager[None]:
    """For the log. The hint came from some request, which need not be that of the run whose turn it is."""
    ids = {"workspace_id": run.workspace_id, "chatbot_id": run.chatbot_id, "source_id": run.source_id, "run_id": run.pk}
    return context.bound(**ids)


def do_all(runs: Sequence[Run]) -> None:
    """Do claimed runs of one chatbot: together as far as that goes, the rest one after the other."""
    if len(runs) == 1:
        return do(runs[0])
    with durable.all_kept_alive(runs) as lost:
        for run in _together(runs, lost):
            if not lost[run.pk].is_set():
                do(run)
    return None


def _together(runs: Sequence[Run], lost: Mapping[UUID, Event]) -> Sequence[Run]:
    """The runs that are still to be done, each alone, where its errors are judged."""
    try:
        return together.train(runs, lost)
    except _AWAY:
        logger.warning("The database failed while %s runs were trained together.", len(runs), exc_info=True)
        connection.close()
    except Exception:  # whatever one document does, the others shall not suffer for it
        logger.exception("%s runs could not be trained together; each is trained alone.", len(runs))
    # Read anew: what was counted in a transaction that failed did not happen.
    left = sql("claimed_run", {"runs": [run.pk for run in runs if run.state == DurableState.RUNNING]})
    return [_run_of(row["id"], row) for row in left]


def _claim() -> Run | None:
    return next(iter(_claim_several(1)), None)


def _claim_several(most: int) -> list[Run]:
    """The next run by fairness, and small ones of its chatbot that may come along."""
    types = {"small": together.SMALL_BYTES, "small_types": list(together.SMALL_TYPES)}
    limits = {"peers": most - 1, "patience": pipeline.PATIENCE, "web": slots.most_at_once()}
    while rows := sql("claim_next", {"lease": durable.LEASE, **limits, **types}):
        found = sql("claimed_run", {"runs": [row["id"] for row in rows]})
        runs = [run for row in found if slots.keeps_place(run := _run_of(row["id"], row))]
        if runs:
            return runs
    return []


def _run_of(run_id: UUID, row: dict[str, Any]) -> Run:
    """The run with its source and chatbot, of which it has only what a worker needs. Three rows by the ORM cost ten times as much."""
    tenant = {"workspace_id": row["workspace_id"]}
    chatbot = Chatbot(id=row["chatbot_id"], **{name: row[name] for name in _OF_CHATBOT}, **tenant)
    source = TrainingSource(id=row["source_id"], chatbot=chatbot, **tenant, **{name: row[name] for name in _OF_SOURCE})
    run = Run(id=run_id, chatbot=chatbot, source=source, **tenant, **{name: row[name] for name in _OF_RUN})
    for each in (chatbot, source, run):
        each._state.adding = False
    return run


_OF_CHATBOT = ("embedding_model", "configuration", "deleted_at")
_OF_SOURCE = (
    *("source_type", "name", "uri", "options", "file", "media_type", "bytes", "refresh"),
    *("searchable", "status", "last_synced_at"),
)
_OF_RUN = (
    *("kind", "is_forced", "created_at", "attempt", "errors", "crashes", "fence", "state", "priority"),
    *("progress_done", "progress_total", "chunks_embedded", "chunks_reused", "tokens", "steps"),
)


def _attempt(run: Run, lost: Event) -> None:
    try:
        if run.chatbot.deleted_at is not None:
            _cancel(run)
        else:
            _train(run, lost)
    except durable.LostLease:
        raise
    except pipeline.MakeRoom as room:
        outcomes.made_room(run, patience=room.patience, seconds=room.seconds)
        if room.seconds:
            send_hint(RUN_TRAINING, str(run.pk), queue=INGEST, countdown=room.seconds)
    except RetryableError as error:
        outcomes.retried(run, error_type=error.type, message=error.message, after=error.retry_after)
    except PermanentError as error:
        outcomes.failed(run, error_type=error.type, message=error.message)
    except Exception as error:  # noqa: BLE001 - every end has its consequence
        _failed(run, error)


def _failed(run: Run, error: Exception) -> None:
    """Something that is not the source's fault."""
    outage = outage_of(error)
    if outage is Outage.FULL:
        logger.error("Run %s waits until there is room: %s", run.pk, error)
        _after_outage(run, outcomes.put_off, error_type="storage_full", message=_("There is no room to store this."))
    elif outage is not None:
        logger.warning("The database failed during run %s.", run.pk, exc_info=error)
        _after_outage(run, outcomes.put_off, **_away())
    elif isinstance(error, _AWAY):  # two writers met badly, or a statement took too long
        logger.warning("The database refused run %s.", run.pk, exc_info=error)
        _after_outage(run, _retry, **_away())
    elif isinstance(error, MemoryError):
        logger.error("There was no memory for run %s.", run.pk)
        outcomes.retried(run, error_type="out_of_memory", message=_no_memory(), after=NO_MEMORY_SECONDS)
    else:  # a bug must not leave the run to the leases, which would repeat it ten times
        logger.error("Run %s failed unexpectedly.", run.pk, exc_info=error)
        _retry(run, error_type="internal_error", message=_("Something went wrong on our side."))


def _no_memory() -> str:
    return _(
        "The worker had no memory for this source. Cut it into smaller parts, or ask the operator for more memory."
    )


def _away() -> dict[str, str]:
    return {"error_type": "database_unavailable", "message": _("The database was not available.")}


def _train(run: Run, lost: Event) -> None:
    if run.source.source_type in WEB_TYPES:
        web.train(run, lost)
    elif run.source.media_type == ZIP:
        archives.train(run, lost)
    elif large.is_large(run.source):
        large.train(run, lost)
    else:
        pipeline.train(run, lost)


def _cancel(run: Run) -> None:
    with transaction.atomic():
        durable.hold(run)
        outcomes.cancelled(run)


def _retry(run: Run, *, error_type: str, message: str) -> None:
    outcomes.retried(run, error_type=error_type, message=message, after=None)


def _after_outage(run: Run, give_back: Callable[..., None], *, error_type: str, message: str) -> None:
    """Give the run back over a new connection; when that fails, too, its lease runs out."""
    connection.close()
    try:
        give_back(run, error_type=error_type, message=message)
    except (Error, psycopg.Error):
        logger.warning("Run %s is left to its lease.", run.pk)


def refresh_statistics(chatbot: ChatbotRef, *, ends_at: float = math.inf) -> bool:
    """Count the chatbot's terms anew where something changed, in a transaction of its own, after forgetting what a deletion has left.

    False when this moment of ``time.monotonic`` has passed before all of that was forgotten: then it is to be called again.
    """
    while knowledge.forget_leftovers(chatbot):
        if time.monotonic() > ends_at:
            return False
    with transaction.atomic():
        engines.vector_store().refresh_statistics(engine_connection(), chatbot=chatbot)
    return True


def count_when_due(chatbot: ChatbotRef, *, ends_at: float = math.inf) -> bool:
    """``refresh_statistics``, unless more is coming and counting so large a vocabulary again already would take much of the time; whether it
    was done. What waits is found by the sweep."""
    if sql("counting_can_wait", {"chatbot": chatbot.chatbot_id}):
        return False
    return refresh_statistics(chatbot, ends_at=ends_at)


class Statistics:
    """Counts chatbots' terms at most once a second while documents come in, and once more at the end of the burst.

    What a killed worker has not counted is found by the sweep.
    """

    def __init__(self) -> None:
        self._counted_at: dict[ChatbotRef, float] = {}
        self._waiting: set[ChatbotRef] = set()

    def changed(self, chatbot: ChatbotRef) -> None:
        """Something was added to the chatbot or taken from it."""
        if time.monotonic() - self._counted_at.get(chatbot, 0.0) < STALE_SECONDS:
            self._waiting.add(chatbot)
        else:
            self._count(chatbot)

    def finish(self) -> None:
        """Count what still waits."""
        for chatbot in tuple(self._waiting):
            self._count(chatbot)

    def _count(self, chatbot: ChatbotRef) -> None:
        if count_when_due(chatbot, ends_at=time.monotonic() + FORGETTING_SECONDS):
            self._counted_at[chatbot] = time.monotonic()
            self._waiting.discard(chatbot)
