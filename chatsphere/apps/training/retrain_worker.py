"""The work of a retraining, in slices of some seconds between which others are served.

    read: each source that was cut in another way is trained again by a run of its own
    embed: every chunk that is found gets a vector of the new model, beside the old one; where the model stays, it tells what the words mean of chunks
        that were embedded before it did
    switch: one transaction, in which nobody can add a chunk, makes the new model the one that answers
    clean: searches that began before the switch have ended; what was added meanwhile is embedded, old vectors are removed

Every step can be repeated and every write proves first that the retraining is still ours.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from threading import Event
from typing import Any, Final
from uuid import UUID

import psycopg
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from chatsphere.apps.training import actions, knowledge, retraining
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.hints import INGEST, RUN_RETRAINING, RUN_TRAINING
from chatsphere.apps.training.knowledge import EmbeddedChunk
from chatsphere.apps.training.models import Retraining, Run, TrainingSource
from chatsphere.apps.training.prices import embedding_cost
from chatsphere.apps.training.steps import Steps
from chatsphere.core import durable, engines
from chatsphere.core.durable import DurableState
from chatsphere.core.exceptions import Conflict, Forbidden, NotFound
from chatsphere.core.hints import send_hint
from chatsphere.core.outages import outage_of
from chatsphere.services.ai.base import read_passages, tells_words
from chatsphere.services.content.markup import search_text
from chatsphere.services.errors import EngineMisconfigured, PermanentError, RetryableError
from chatsphere.services.vector_store.base import ChatbotRef

logger = logging.getLogger("chatsphere.training")

SLICE_SECONDS: Final = 5.0
WAIT_SECONDS: Final = 3.0  # between two looks at the sources that are read again
GRACE_SECONDS: Final = 30.0  # a search that read the old model's name has ended by then
TEXTS_A_CALL: Final = 64
DROPPED_AT_ONCE: Final = 5_000
_FIRST: Final = UUID(int=0)
_AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
Phase = Retraining.Phase


class Later(Exception):
    """Go on in so many seconds; others are served meanwhile."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds


def work(retraining_id: UUID) -> bool:
    """Do a slice of a retraining that is due. True when it is to be looked at again at once."""
    row = durable.claim(Retraining, retraining_id)
    if row is None:
        return False
    try:
        with durable.kept_alive(row) as lost:
            return _attempt(row, lost)
    except durable.LostLease:
        logger.info("Retraining %s was taken over, cancelled or deleted.", row.pk)
        return False


def wake() -> None:
    """Hints for retrainings that are due, those of dead workers among them. What the clock does."""
    _end_crashed()
    for pk in Retraining.objects.filter(durable.due(timezone.now())).order_by().values_list("pk", flat=True)[:8]:
        send_hint(RUN_RETRAINING, str(pk), queue=INGEST)


def _end_crashed() -> None:
    """One more lost worker would be too many: these fail here, where that is told, rather than in ``claim``."""
    lost = durable.due(timezone.now()) & Q(state=DurableState.RUNNING, crashes__gte=durable.MAX_CRASHES - 1)
    with transaction.atomic():
        for row in Retraining.objects.select_for_update(of=("self",), skip_locked=True).filter(lost)[:8]:
            retraining.fail(
                row, error_type="crashed", message=_("The worker died again and again while it did this work.")
            )


def _attempt(row: Retraining, lost: Event) -> bool:
    try:
        _Retrain(row, lost).work()
    except Later as later:
        return _release(row, later.seconds)
    except RetryableError as error:
        _retry(row, error.type, error.message, error.retry_after)
    except PermanentError as error:
        retraining.fail(row, error_type=error.type, message=error.message)
    except _AWAY:
        logger.warning("The database failed during retraining %s; it is left to its lease.", row.pk, exc_info=True)
        connection.close()
    except durable.LostLease:
        raise
    except Exception as error:  # a bug must not leave the row to the leases, which would repeat it ten times
        if outage_of(error) is not None:
            durable.wait_out(row, error_type="database_unavailable", message=_("The database was not available."))
            return False
        logger.exception("Retraining %s failed unexpectedly.", row.pk)
        _retry(row, "internal_error", _("Something went wrong on our side."), None)
    return False


def _release(row: Retraining, seconds: float) -> bool:
    """Back to the queue, without a mark against it."""
    mine = Retraining.objects.filter(pk=row.pk, fence=row.fence, state=DurableState.RUNNING)
    due_at = timezone.now() + timedelta(seconds=seconds)
    mine.update(state=DurableState.QUEUED, lease_until=None, available_at=due_at, attempt=F("attempt") - 1)
    if seconds:
        send_hint(RUN_RETRAINING, str(row.pk), queue=INGEST, countdown=seconds)
    return not seconds


def _retry(row: Retraining, error_type: str, message: str, after: float | None) -> None:
    with transaction.atomic():
        if not durable.retry_later(row, error_type=error_type, message=message, after=after):
            retraining.failed(row, error_type=error_type, message=message)


class _Retrain:
    def __init__(self, row: Retraining, lost: Event) -> None:
        self.row = row
        self.chatbot = ChatbotRef(row.workspace_id, row.chatbot_id)
        self.steps = Steps(row.steps)
        self.lost = lost
        self.ends_at = time.monotonic() + SLICE_SECONDS

    def work(self) -> None:
        if self.row.chatbot.deleted_at is not None:
            retraining.cancel_retraining(retraining=self.row)
            return
        if self.row.phase == Phase.READ:
            self._read()
        if self.row.phase == Phase.EMBED:
            self._embed()
            self._switch()
        self._clean()

    # --- read ---

    def _read(self) -> None:
        """Wait until every source that was cut in another way has been trained again, well or not."""
        parameters = {
            "chatbot": self.row.chatbot_id,
            "chunking": Jsonb(self.row.chunking),
            "since": self.row.created_at,
        }
        waiting = sql("outdated_sources", parameters)
        for source in waiting:
            if not source["is_busy"]:
                self._queue(source["id"])
        left = sql("outdated_documents", parameters)[0]["documents"]
        self.row.progress_done = max(self.row.progress_total - left, 0)
        if waiting:
            self._save()
            raise Later(WAIT_SECONDS)
        if left:
            self.steps.add("read", failed=left)
        counts = self._count()
        self.row.progress_done, self.row.progress_total = counts["all"] - counts["chunks"], counts["all"]
        self.row.phase = Phase.EMBED
        self._save()

    def _queue(self, source_id: UUID) -> None:
        source = TrainingSource.objects.filter(pk=source_id).defer("options").first()
        try:
            if source is not None:
                priority = actions.BY_THE_CLOCK
                actions.sync_source(source=source, is_forced=False, priority=priority, kind=Run.Kind.RETRAIN)
        except (Conflict, Forbidden, NotFound):
            return  # somebody trains or deletes it at this moment; it is looked at again

    # --- embed ---

    def _embed(self) -> None:
        if self._keeps_model:
            self._tell_words()
            return
        if "embed" not in self.row.steps:
            self._drop_strange()
        after = _FIRST
        while rows := self._missing(after):
            self._store(self._vectors_of(rows))
            after = rows[-1]["id"]
            self._go_on()

    @property
    def _keeps_model(self) -> bool:
        return bool(self.row.to_model == self.row.from_model)

    def _tell_words(self) -> None:
        """Read chunks once more for what their words mean. Their vectors stay, and nothing is booked."""
        embedder, after = engines.embedder(self.row.to_model), _FIRST
        while tells_words(embedder) and (rows := self._next("untold_of_chatbot", after)):
            with self.steps.timed("words"):
                readings = read_passages(embedder, [search_text(row["context"], row["text"]) for row in rows])
            if not all(reading.words for reading in readings):
                raise EngineMisconfigured("The embedder tells no words. Restart it with the release of the workers.")
            self.steps.add("words", items=len(rows))
            self._count_done(len(rows))
            self._store_words({row["id"]: reading.words for row, reading in zip(rows, readings, strict=True)})
            after = rows[-1]["id"]
            self._go_on()

    def _store_words(self, words: dict[UUID, bytes]) -> None:
        with self.steps.timed("store"), transaction.atomic():
            self._hold(alone=False)
            knowledge.add_words(chatbot=self.chatbot, words=words)
            self._save()

    def _missing(self, after: UUID) -> list[dict[str, Any]]:
        return self._next("missing_of_chatbot", after)

    def _next(self, what: str, after: UUID) -> list[dict[str, Any]]:
        parameters = {"chatbot": self.row.chatbot_id, "model": self.row.to_model}
        return sql(what, parameters | {"after": after, "limit": TEXTS_A_CALL})

    def _count(self) -> dict[str, Any]:
        what = "count_untold_of_chatbot" if self._keeps_model else "count_missing_of_chatbot"
        return sql(what, {"chatbot": self.row.chatbot_id, "model": self.row.to_model})[0]

    def _count_done(self, chunks: int) -> None:
        self.row.chunks_embedded += chunks
        self.row.progress_done = min(self.row.progress_done + chunks, self.row.progress_total)

    def _drop_strange(self) -> None:
        """Vectors that a failed retraining to a third model has left."""
        with transaction.atomic():
            self._hold(alone=True)
            keep = [self.row.from_model, self.row.to_model]
            retraining.drop_vectors(self.row, keep=keep, most=retraining.ALL_AT_ONCE)

    def _vectors_of(self, rows: Sequence[dict[str, Any]]) -> list[EmbeddedChunk]:
        embedder = engines.embedder(self.row.to_model)
        with self.steps.timed("embed"):
            readings = read_passages(embedder, [search_text(row["context"], row["text"]) for row in rows])
        tokens = sum(row["token_count"] for row in rows)
        self.steps.add("embed", items=len(rows), tokens=tokens)
        self._count_done(len(rows))
        self.row.tokens += tokens
        self.row.cost_micros = embedding_cost(self.row.to_model, self.row.tokens)[0]
        return [EmbeddedChunk(row["id"], *reading) for row, reading in zip(rows, readings, strict=True)]

    def _store(self, vectors: Sequence[EmbeddedChunk]) -> None:
        with self.steps.timed("store"), transaction.atomic():
            self._hold(alone=False)
            model = engines.embedder(self.row.to_model).model
            knowledge.add_vectors(chatbot=self.chatbot, model=model, vectors=vectors)
            self._save()

    def _go_on(self) -> None:
        if self.lost.is_set():
            raise durable.LostLease
        if time.monotonic() > self.ends_at:
            raise Later

    # --- switch ---

    def _switch(self) -> None:
        """The new vectors answer when every chunk has one. Under this lock nobody adds a chunk."""
        with transaction.atomic():
            self._hold(alone=True)
            if not self._keeps_model and self._missing(_FIRST):
                raise Later
            self.row.phase, self.row.switched_at = Phase.CLEAN, timezone.now()
            self._save()
            sql("answer_by_model", {"chatbot": self.row.chatbot_id, "model": self.row.to_model})

    # --- clean ---

    def _clean(self) -> None:
        if not self._keeps_model:
            self._restart_runs()
            self._embed()
            self._wait_for_searches()
            self._drop_old()
        with transaction.atomic():
            self._hold(alone=False)
            self._save()
            left = self.steps.figure("read", "failed")
            if left:
                retraining.fail(self.row, error_type="partly_read", message=_not_read(left))
            else:
                retraining.succeed(self.row)

    def _restart_runs(self) -> None:
        if "switch" in self.row.steps:
            return
        for run in sql("restart_runs", {"chatbot": self.row.chatbot_id}):
            send_hint(RUN_TRAINING, str(run["id"]), queue=INGEST)
        self.steps.add("switch", items=1)
        with transaction.atomic():
            self._hold(alone=False)
            self._save()

    def _wait_for_searches(self) -> None:
        since = timezone.now() - (self.row.switched_at or timezone.now())
        if since.total_seconds() < GRACE_SECONDS:
            raise Later(GRACE_SECONDS - since.total_seconds())

    def _drop_old(self) -> None:
        while True:
            with self.steps.timed("clean"), transaction.atomic():
                self._hold(alone=True)
                gone = retraining.drop_vectors(self.row, keep=[self.row.to_model], most=DROPPED_AT_ONCE)
                self.steps.add("clean", items=gone)
                self._save()
            if gone < DROPPED_AT_ONCE:
                return
            self._go_on()

    # --- the row ---

    def _hold(self, *, alone: bool) -> None:
        name = "hold_retraining_alone" if alone else "hold_retraining"
        if not sql(name, {"run": self.row.pk, "fence": self.row.fence, "chatbot": self.row.chatbot_id}):
            raise durable.LostLease

    def _save(self) -> None:
        """How far it is; that counts as progress, so that earlier errors and crashes are forgotten."""
        self.row.steps, self.row.errors, self.row.crashes = self.steps.as_json(), 0, 0
        mine = Retraining.objects.filter(pk=self.row.pk, fence=self.row.fence, state=DurableState.RUNNING)
        names = ("phase", "switched_at", "steps", "errors", "crashes", *_FIGURES)
        if not mine.update(**{name: getattr(self.row, name) for name in names}):
            raise durable.LostLease


def _not_read(documents: int) -> str:
    return _(
        "%(count)s documents could not be read again and keep their old chunks; everything else is done. See what their sources say, and retrain again."
    ) % {"count": documents}


_FIGURES: Final = ("progress_done", "progress_total", "chunks_embedded", "tokens", "cost_micros")
