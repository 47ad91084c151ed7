"""Sends what is due: many deliveries at once, few of them to one endpoint, so that a slow one never delays another's.

One dispatcher works at a time in the whole house; its lock belongs to a connection of its own, so a dead one does not keep it. No
connection to the database is held while an endpoint is waited for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from chatsphere.apps.webhooks import disabling
from chatsphere.apps.webhooks.fan_out import commit_soon, fan_out
from chatsphere.apps.webhooks.hints import WORK
from chatsphere.apps.webhooks.models import Attempt, Delivery, Endpoint, told_data
from chatsphere.apps.webhooks.schedule import DISABLE_AFTER, next_delay
from chatsphere.apps.webhooks.sending import LIMITS, Message, Outcome, send
from chatsphere.core import connections
from chatsphere.core.durable import LEASE, MAX_CRASHES, DurableState, note_end
from chatsphere.core.encryption import CannotDecrypt, decrypt
from chatsphere.core.hints import send_hint
from chatsphere.services.sql import statements

logger = logging.getLogger("chatsphere.webhooks")

AT_ONCE = 32  # attempts of one dispatcher
AT_ONCE_HEALTHY = 4  # to one endpoint
AT_ONCE_FAILING = 1
LOOK_AGAIN_SECONDS = 0.2  # for new events, and for what became due while others are waited for
QUIET_SECONDS = LIMITS.total_seconds  # at the end of a turn nobody starts what may last longer than the turn
LOCK = "chatsphere.webhooks.dispatch"
_SQL = statements("chatsphere.apps.webhooks")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours until its lease ends, with all that an attempt needs."""

    id: UUID
    workspace_id: UUID
    attempt: int
    errors: int
    fence: int
    endpoint_id: UUID
    url: str
    secrets: tuple[str, ...]  # encrypted
    failing_since: datetime | None
    message: Message


def dispatch(until: float) -> bool:
    """Send what is due, and what comes meanwhile, until a time (monotonic seconds) or until nothing is left; then somebody else goes on.

    False: another dispatcher is at it.
    """
    if not _is_anything_due():
        return True
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as threads:
        with _alone() as is_ours:
            is_more = is_ours and _send_all(threads, until)
        if is_more:
            send_hint(WORK)  # before the slow ones among our own attempts are waited for
    return is_ours


def _send_all(threads: ThreadPoolExecutor, until: float) -> bool:
    running: set[Future[None]] = set()
    look_at = 0.0
    while (now := time.monotonic()) < until:
        if now >= look_at:
            fan_out()
            look_at = now + LOOK_AGAIN_SECONDS
        failing = AT_ONCE_FAILING if now < until - QUIET_SECONDS else 0
        running |= {threads.submit(attempt, claimed) for claimed in claim(AT_ONCE - len(running), failing=failing)}
        if not running:
            return _is_anything_due()
        done, running = wait(running, timeout=LOOK_AGAIN_SECONDS, return_when=FIRST_COMPLETED)
        for each in done:
            if (error := each.exception()) is not None:
                logger.error("An attempt broke off; it is made again when its lease ends.", exc_info=error)
    return True


def _is_anything_due() -> bool:
    queued = Delivery.objects.filter(state=DurableState.QUEUED, available_at__lte=timezone.now())
    return bool(queued.filter(endpoint__is_active=True).exists())


def requeue_crashed() -> int:
    """Give back deliveries whose worker died; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL["requeue_crashed"], {"most": MAX_CRASHES})
        return int(cursor.rowcount)


@transaction.atomic
def claim(slots: int, *, failing: int = AT_ONCE_FAILING) -> list[Claimed]:
    """Take due deliveries, at most ``slots``: a few of each endpoint, ``failing`` of one that fails."""
    parameters = {
        "slots": slots,
        "healthy": AT_ONCE_HEALTHY,
        "failing": failing,
        "lease": LEASE.total_seconds(),
    }
    commit_soon()
    with connection.cursor() as cursor:
        # Two claims at the same moment would both see the same free places of an endpoint.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [LOCK])
        cursor.execute(_SQL["claim_deliveries"], parameters)
        names = [column.name for column in cursor.description or ()]
        return [_claimed(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def attempt(claimed: Claimed) -> None:
    """One attempt and its record, in a thread of the dispatcher."""
    try:
        record(claimed, _sent(claimed))
    finally:
        connection.close()


def _sent(claimed: Claimed) -> Outcome:
    try:
        keys = [decrypt(stored) for stored in claimed.secrets]
    except CannotDecrypt as error:
        logger.error("The secret of endpoint %s cannot be read: %s.", claimed.endpoint_id, error)
        return Outcome(None, 0.0, "unreadable_secret", "The signing secret cannot be read. Rotate it.")
    return send(claimed.url, claimed.message, keys)


@transaction.atomic
def record(claimed: Claimed, outcome: Outcome) -> None:
    """Write what an attempt came to: done, queued again, or failed; and what it says of the endpoint.

    Nothing is written when the delivery is no longer ours: whoever took it over will write.
    """
    commit_soon()
    errors = 0 if outcome.is_success else claimed.errors + 1
    delay = None if outcome.is_success or outcome.is_gone else next_delay(errors, retry_after=outcome.retry_after)
    if not _end(claimed, outcome, errors, delay):
        logger.warning("Delivery %s was taken over before its attempt ended.", claimed.id)
        return
    Attempt.objects.create(
        workspace_id=claimed.workspace_id,
        delivery_id=claimed.id,
        number=claimed.attempt,
        response_status=outcome.status,
        error_type=outcome.error_type,
        error_message=outcome.error_message,
        duration_ms=_milliseconds(outcome),
    )
    _judge_endpoint(claimed, outcome)


def _end(claimed: Claimed, outcome: Outcome, errors: int, delay: float | None) -> bool:
    again = DurableState.QUEUED if delay is not None else DurableState.FAILED
    parameters: dict[str, Any] = {
        "id": claimed.id,
        "fence": claimed.fence,
        "state": (DurableState.SUCCEEDED if outcome.is_success else again).value,
        "errors": errors,
        "delay": delay,
        "error_type": outcome.error_type,
        "error_message": outcome.error_message,
        "status": outcome.status,
        "duration_ms": _milliseconds(outcome),
    }
    with connection.cursor() as cursor:
        cursor.execute(_SQL["end_attempt"], parameters)
        has_ended = bool(cursor.rowcount)
    if has_ended and parameters["state"] != DurableState.QUEUED:
        note_end(Delivery, parameters["state"], parameters["error_type"])
    return has_ended


def _judge_endpoint(claimed: Claimed, outcome: Outcome) -> None:
    endpoints = Endpoint.objects.filter(pk=claimed.endpoint_id)
    if outcome.is_success:
        if claimed.failing_since is not None:
            endpoints.update(failing_since=None)
    elif outcome.is_gone:
        disabling.disable(endpoint_id=claimed.endpoint_id, reason=Endpoint.Disabled.GONE)
    elif claimed.failing_since is None:
        endpoints.filter(failing_since=None).update(failing_since=timezone.now())
    elif timezone.now() - claimed.failing_since >= DISABLE_AFTER:
        disabling.disable(endpoint_id=claimed.endpoint_id, reason=Endpoint.Disabled.FAILING)


def _claimed(row: Mapping[str, Any]) -> Claimed:
    message = Message(
        id=row["event_id"],
        type=row["type"],
        version=row["schema_version"],
        occurred_at=row["occurred_at"],
        data=told_data(orjson.loads(row["payload"]), object_id=row["object_id"], chatbot_id=row["chatbot_id"]),
    )
    return Claimed(
        **{name: row[name] for name in ("id", "workspace_id", "attempt", "errors", "fence", "endpoint_id", "url")},
        secrets=tuple(stored for stored in (row["secret"], row["previous_secret"]) if stored),
        failing_since=row["failing_since"],
        message=message,
    )


def _milliseconds(outcome: Outcome) -> int:
    return round(outcome.seconds * 1000)


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether this is the only dispatcher; ends with the block or with this process."""
    with psycopg.connect(_conninfo(), autocommit=True) as own:
        row = own.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [LOCK]).fetchone()
        yield bool(row and row[0])


def _conninfo() -> str:
    # The open connection's name of the database: a test's differs from the setting.
    entry = {**settings.DATABASES["default"], "NAME": connection.settings_dict["NAME"]}
    return connections.direct_conninfo(entry, settings.DATABASE_DIRECT_URL)
