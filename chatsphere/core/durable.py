"""Durable work: a row is the truth, a Celery message only a hint to look now.

A worker claims the row (``FOR UPDATE SKIP LOCKED``), holds a lease that heartbeats extend, and finishes it in the transaction that
writes the result. Every claim raises ``fence``: whoever comes back after its lease ran out finds another number and must stop.
Errors and crashes are counted apart: ``MAX_ERRORS`` retryable errors or ``MAX_CRASHES`` lost leases make the row ``failed``.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any, ClassVar, TypeVar

from django.apps import apps
from django.db import Error, connection, models, transaction
from django.utils import timezone

from chatsphere.core import metrics

logger = logging.getLogger("chatsphere.durable")

MAX_ERRORS = 3
MAX_CRASHES = 10
LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 10.0
OUTAGE_SECONDS = 10.0
LONGEST_DELAY = 3600.0  # seconds until another try


class LostLease(Exception):
    """Another worker has taken this row over, or it was cancelled: stop, write nothing."""


class DurableState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DurableWork(models.Model):
    """The columns of a row that is work."""

    state = models.CharField(max_length=10, choices=DurableState.choices, default=DurableState.QUEUED)
    attempt = models.IntegerField(default=0, help_text="How often it was claimed.")
    errors = models.IntegerField(default=0)
    crashes = models.IntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    priority = models.SmallIntegerField(default=0, help_text="Lower runs first.")
    available_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True)
    error_type = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        abstract = True


W = TypeVar("W", bound=DurableWork)


def kinds_of_work() -> list[type[DurableWork]]:
    """All models whose rows are work."""
    return [model for model in apps.get_models() if issubclass(model, DurableWork)]


def claim(model: type[W], pk: Any) -> W | None:
    """Take this row if it is due: queued and available, or running with a lease that ran out. None when there is nothing to do.

    Costs one locking read and one update. A lease that ran out counts as a crash; too many end the row as failed.
    """
    now = timezone.now()
    with transaction.atomic():
        row: W | None = model.objects.select_for_update(skip_locked=True).filter(due(now), pk=pk).first()
        if row is None:
            return None
        if row.state == DurableState.RUNNING:
            row.crashes += 1
            if row.crashes >= MAX_CRASHES:
                fail(row, error_type="crashed", message="The worker died again and again while it did this work.")
                return None
        row.state = DurableState.RUNNING
        row.attempt += 1
        row.fence += 1
        row.lease_until = now + LEASE
        row.started_at = row.started_at or now
        row.save(update_fields=["state", "attempt", "crashes", "fence", "lease_until", "started_at"])
        return row


def due(now: datetime) -> models.Q:
    """The rows that a worker may claim now."""
    return models.Q(state=DurableState.QUEUED, available_at__lte=now) | models.Q(
        state=DurableState.RUNNING, lease_until__lt=now
    )


def heartbeat(row: DurableWork, *, progress: bool = False) -> None:
    """Extend the lease by LEASE; ``progress`` forgets earlier errors and crashes. Raises LostLease when the row is no longer ours."""
    changes: dict[str, Any] = {"lease_until": timezone.now() + LEASE}
    if progress:
        changes |= {"errors": 0, "crashes": 0}
    if not _ours(row).update(**changes):
        raise LostLease


@contextmanager
def kept_alive(row: DurableWork, *, every: float = HEARTBEAT_SECONDS) -> Iterator[Event]:
    """While the block runs, a thread extends the lease. The event given is set when the row is no longer ours: stop soon.

    Work shorter than ``every`` seconds costs no query. A database that does not answer is asked again ``every`` seconds later.
    """
    with all_kept_alive([row], every=every) as lost:
        yield lost[row.pk]


@contextmanager
def all_kept_alive(rows: Sequence[DurableWork], *, every: float = HEARTBEAT_SECONDS) -> Iterator[dict[Any, Event]]:
    """``kept_alive`` of several rows by one thread; the events by the rows' keys."""
    lost, done = {row.pk: Event() for row in rows}, Event()
    thread = Thread(target=_beat, args=(rows, every, lost, done), name=f"heartbeat-{rows[0].pk}", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        done.set()
        thread.join()


def _beat(rows: Sequence[DurableWork], every: float, lost: Mapping[Any, Event], done: Event) -> None:
    while not done.wait(every):
        for row in rows:
            if not lost[row.pk].is_set():
                _beat_once(row, lost[row.pk])
        connection.close()


def _beat_once(row: DurableWork, lost: Event) -> None:
    try:
        heartbeat(row)
    except LostLease:
        lost.set()
    except Error:
        logger.warning("The lease of %s could not be extended; trying again.", row.pk, exc_info=True)


def hold(row: DurableWork) -> None:
    """Inside a transaction: lock the row and prove that it is still ours; every write that follows is then safe. Raises LostLease."""
    if not _ours(row).select_for_update().values_list("pk", flat=True).first():
        raise LostLease


def succeed(row: DurableWork) -> None:
    """Finish the row; call it in the transaction that writes the result. Raises LostLease."""
    _finish(row, state=DurableState.SUCCEEDED, error_type="", error_message="")


def fail(row: DurableWork, *, error_type: str, message: str) -> None:
    """End the row as failed, with a reason for people. Raises LostLease."""
    _finish(row, state=DurableState.FAILED, error_type=error_type, error_message=message)


def cancel(row: DurableWork) -> None:
    """End an open row at its owner's wish; whoever works on it finds out at its next ``hold``. Raises LostLease when it has ended."""
    _finish(row, state=DurableState.CANCELLED, error_type="", error_message="")


def retry_later(row: DurableWork, *, error_type: str, message: str, after: float | None = None) -> bool:
    """Give the row back after a retryable error: False (and failed) when it had too many. ``after`` seconds, else 2, 8, 32 with jitter."""
    errors = row.errors + 1
    if errors >= MAX_ERRORS:
        fail(row, error_type=error_type, message=message)
        return False
    delay = after if after is not None else 2.0 * 4 ** (errors - 1) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
    due_at = timezone.now() + timedelta(seconds=min(delay, LONGEST_DELAY))
    changed = _ours(row).update(
        state=DurableState.QUEUED,
        errors=errors,
        error_type=error_type,
        error_message=message,
        lease_until=None,
        available_at=due_at,
    )
    if not changed:
        raise LostLease
    row.errors, row.available_at = errors, due_at
    return True


def wait_out(row: DurableWork, *, error_type: str, message: str) -> None:
    """Give the row back, due in OUTAGE_SECONDS and without a mark against it: something that all work needs is out of order.

    Raises LostLease.
    """
    changed = _ours(row).update(
        state=DurableState.QUEUED,
        error_type=error_type,
        error_message=message,
        lease_until=None,
        available_at=timezone.now() + timedelta(seconds=OUTAGE_SECONDS),
    )
    if not changed:
        raise LostLease


def release(row: DurableWork, *, after: float = 0.0) -> None:
    """Give the row back, due in ``after`` seconds and without a mark against it, not even an attempt: for work that makes room for others.

    Raises LostLease.
    """
    due_at = timezone.now() + timedelta(seconds=after)
    changes = {"state": DurableState.QUEUED, "lease_until": None, "available_at": due_at}
    if not _ours(row).update(attempt=models.F("attempt") - 1, **changes):
        raise LostLease


def clock_went_back(model: type[DurableWork], step: timedelta) -> int:
    """A clock was set by ``step`` (negative): what waits for a moment waits for the same time as before, not longer, and a lease whose
    worker is dead still runs out. Work in hand is moved too: it waits again when its worker is lost. Returns how many rows were mended,
    one in hand may count twice. Reads all open rows."""
    now = timezone.now()
    waiting = model.objects.filter(state__in=OPEN_STATES, available_at__gt=now)
    leased = model.objects.filter(state=DurableState.RUNNING, lease_until__gt=now + 2 * LEASE)
    return int(
        waiting.update(available_at=models.F("available_at") + step)
        + leased.update(lease_until=models.F("lease_until") + step)
    )


def _ours(row: DurableWork) -> models.QuerySet[Any]:
    rows: models.QuerySet[Any] = type(row).objects.filter(pk=row.pk, fence=row.fence, state=DurableState.RUNNING)
    return rows


def note_end(model: type[DurableWork], state: str, error_type: str = "", *, count: int = 1) -> None:
    """Count rows that have ended, for metrics and the log; called by whoever ends rows with statements of their own."""
    ended = {"kind": str(model._meta.label_lower), "state": str(state), "error": error_type, "count": count}
    logger.info("work ended", extra={"data": ended})
    metrics.work_ended.labels(str(model._meta.label_lower), str(state), error_type).inc(count)


def _finish(row: DurableWork, **changes: Any) -> None:
    changes |= {"lease_until": None, "finished_at": timezone.now()}
    if not type(row).objects.filter(pk=row.pk, fence=row.fence, state__in=OPEN_STATES).update(**changes):
        raise LostLease
    for name, value in changes.items():
        setattr(row, name, value)
    note_end(type(row), changes["state"], changes["error_type"])


OPEN_STATES = (DurableState.QUEUED, DurableState.RUNNING)
