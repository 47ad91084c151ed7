"""How much work waits and for how long, looked up in the database when somebody asks: for metrics and for the operators' page.

The answer is kept for a few seconds, and the statements have a short time: somebody who looks must not make worse what is looked at.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from django.conf import settings
from django.db import Error, connection, transaction
from prometheus_client.core import GaugeMetricFamily, Metric
from redis import RedisError

from chatsphere.core.durable import DurableState, DurableWork, kinds_of_work
from chatsphere.core.redis_clients import sync_client

KEPT_SECONDS = 5.0
PATIENCE_MS = 2_000
QUEUES = ("default", "ingest")


@dataclass(frozen=True, slots=True)
class Backlog:
    """Open work of one kind. ``oldest`` is for how many seconds the first due row has waited."""

    kind: str
    queued: int
    running: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What was found; None where it could not be looked up."""

    backlogs: list[Backlog] | None
    database_bytes: int | None
    hints: Mapping[str, int] | None  # messages in Redis by queue
    free_bytes: int
    total_bytes: int


_lock = Lock()
_kept: tuple[float, Figures] | None = None


def figures() -> Figures:
    """The figures, at most KEPT_SECONDS old. Never raises; costs two statements and a round trip to Redis when they are looked up."""
    global _kept  # one answer a process is the point
    with _lock:
        if _kept is None or time.monotonic() - _kept[0] > KEPT_SECONDS:
            _kept = time.monotonic(), _looked_up()
        return _kept[1]


def kind_of(model: type[DurableWork]) -> str:
    """How a kind of work is called: ``training.run``."""
    return str(model._meta.label_lower)


def metrics() -> Iterator[Metric]:
    """The same for Prometheus. What could not be looked up is left out, and ``chatsphere_up`` of that server is 0."""
    found = figures()
    up = GaugeMetricFamily("chatsphere_up", "1 while a server answers.", labels=("server",))
    up.add_metric(("postgresql",), int(found.backlogs is not None))
    up.add_metric(("redis",), int(found.hints is not None))
    yield up
    yield from _backlog_metrics(found.backlogs or [])
    hints = GaugeMetricFamily("chatsphere_hints_waiting", "Messages to workers in Redis.", labels=("queue",))
    for queue, count in (found.hints or {}).items():
        hints.add_metric((queue,), count)
    yield hints
    if found.database_bytes is not None:
        yield GaugeMetricFamily("chatsphere_database_bytes", "Size of the database.", value=found.database_bytes)
    yield GaugeMetricFamily("chatsphere_uploads_free_bytes", "Free space where uploads are.", value=found.free_bytes)
    yield GaugeMetricFamily("chatsphere_uploads_disk_bytes", "Size of that disk.", value=found.total_bytes)


def _backlog_metrics(backlogs: list[Backlog]) -> Iterator[Metric]:
    open_work = GaugeMetricFamily(
        "chatsphere_work_open", "Rows that are work and have not ended.", labels=("kind", "state")
    )
    oldest = GaugeMetricFamily(
        "chatsphere_work_oldest_seconds", "For how long the first due row has waited.", labels=("kind",)
    )
    for backlog in backlogs:
        open_work.add_metric((backlog.kind, "queued"), backlog.queued)
        open_work.add_metric((backlog.kind, "running"), backlog.running)
        oldest.add_metric((backlog.kind,), backlog.oldest)
    yield from (open_work, oldest)


def _looked_up() -> Figures:
    backlogs, size = _in_database()
    free, total = _disk()
    return Figures(backlogs, size, _hints(), free, total)


def _in_database() -> tuple[list[Backlog] | None, int | None]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [PATIENCE_MS])
            cursor.execute(_statement())
            backlogs = [Backlog(*row) for row in cursor.fetchall()]
            cursor.execute("SELECT pg_database_size(current_database())")
            return backlogs, int(cursor.fetchone()[0])
    except Error:
        return None, None


def _statement() -> str:
    """One row a kind; each part is answered by the index of open rows."""
    part = (
        "SELECT '{kind}', count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'running'), "
        "coalesce(extract(epoch FROM now() - min(available_at) FILTER (WHERE state = 'queued' AND available_at <= now())), 0)::float8 "
        "FROM {table} WHERE state IN ('queued', 'running')"
    )
    quote = connection.ops.quote_name
    return " UNION ALL ".join(
        part.format(kind=kind_of(each), table=quote(each._meta.db_table)) for each in kinds_of_work()
    )


def _hints() -> Mapping[str, int] | None:
    client: Any = sync_client()
    try:
        return {queue: int(client.llen(queue)) for queue in QUEUES}
    except (RedisError, OSError):
        return None


def _disk() -> tuple[int, int]:
    for folder in (settings.MEDIA_ROOT, settings.DATA_DIR, "/"):
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            continue
        return usage.free, usage.total
    return 0, 0


def failures(hours: int, most: int) -> list[tuple[str, str, int, str]] | None:
    """Work that failed in the last hours: kind, reason, how often, and one message. None when it could not be looked up in time."""
    found: list[tuple[str, str, int, str]] = []
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [PATIENCE_MS])
            for model in kinds_of_work():
                cursor.execute(
                    f"SELECT error_type, count(*), max(error_message) FROM {connection.ops.quote_name(model._meta.db_table)} "  # noqa: S608 - a table of ours
                    "WHERE state = %s AND finished_at > now() - make_interval(hours => %s) "
                    "GROUP BY error_type ORDER BY 2 DESC LIMIT %s",
                    [DurableState.FAILED.value, hours, most],
                )
                found += [(kind_of(model), reason, count, message) for reason, count, message in cursor.fetchall()]
    except Error:
        return None
    return sorted(found, key=lambda row: -row[2])[:most]
