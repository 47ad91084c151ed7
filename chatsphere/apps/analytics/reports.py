"""What the roll-ups say of a period. Every report costs a fixed number of queries, whatever its length."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from chatsphere.apps.analytics import histogram
from chatsphere.apps.analytics.named_sql import SQL, fetch_all, fetch_binary
from chatsphere.apps.analytics.periods import HOUR, Period, hour_of, next_day
from chatsphere.apps.analytics.rolling import VISITOR, start_of_day

COUNTS = (
    "conversations", "messages", "answered", "refused", "failed", "handed_off", "feedback_up", "feedback_down",
    "prompt_tokens", "completion_tokens", "embedding_tokens", "cost",
)  # fmt: skip
PERCENTILES = {"p50_ms": 0.5, "p95_ms": 0.95}
MEASURES = ("messages", "answered", "refused", "prompt_tokens", "completion_tokens", "embedding_tokens", "cost")
DIMENSIONS = ("chatbot", "key", "model", "channel", "day", "kind")
STALE_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose figures: of a workspace, all its chatbots or (a bound key, a filter) some."""

    workspace_id: UUID
    chatbot_ids: tuple[UUID, ...] | None = None


def overview(scope: Scope, period: Period, interval: str) -> dict[str, Any]:
    """Totals, the same for each hour, day or week, and for the period before. Costs of several currencies are not mixed: ``cost`` is that
    of ``currency``, all of them stand in ``costs``."""
    by_hour = {"first_day": period.since, "last_day": period.since} if interval == "hour" else {}
    rows = fetch_binary("overview", {**_place(scope, period), **by_hour, "interval": interval})
    before = fetch_binary("overview", {**_place(scope, period.before()), "interval": "year"})
    costs = fetch_all("currencies", _place(scope, period))
    *series, totals = _measured(rows)
    previous = _measured(before)[-1]
    return {
        "since": period.since,
        "until": period.until,
        "interval": interval,
        "time_zone": str(period.zone),
        "currency": costs[0]["currency"] if costs else "USD",
        "costs": costs,
        "totals": totals,
        "previous": previous,
        "change": {name: _change(previous[name], value) for name, value in totals.items()},
        "series": list(_series(rows, series, period, interval)),
    }


def _place(scope: Scope, period: Period) -> dict[str, Any]:
    first, last = period.days
    return {
        "workspace_id": scope.workspace_id,
        "chatbots": None if scope.chatbot_ids is None else list(scope.chatbot_ids),
        "time_zone": str(period.zone),
        "since": period.since,
        "until": period.until,
        "first_day": first,
        "last_day": last,
    }


def _measured(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The figures of each row, and at the end of all together; distinct visitors and percentiles of all of them, not sums of parts."""
    figures: list[dict[str, Any]] = [{name: row[name] for name in COUNTS} for row in rows]
    figures.append({name: sum(row[name] for row in rows) for name in COUNTS})
    for one, visitors in zip(figures, _with_all([row["visitors"] for row in rows]), strict=True):
        one["visitors"] = _distinct(np.frombuffer(visitors, VISITOR))
    for name in ("latency", "first_token"):
        values = histogram.quantiles_of_each(_with_all([row[name] for row in rows]), PERCENTILES.values())
        for suffix, column in zip(PERCENTILES, values, strict=True):
            for one, value in zip(figures, column, strict=True):
                one[f"{name}_{suffix}"] = value
    return figures


def _with_all(parts: list[bytes]) -> list[bytes]:
    return [*parts, b"".join(parts)]


def _distinct(numbers: NDArray[np.uint64]) -> int:
    """How many different ones; sorting is several times quicker here than ``np.unique``, which hashes."""
    ordered = np.sort(numbers)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + bool(len(ordered))


def _change(before: float | None, now: float | None) -> float | None:
    """The share by which a figure rose (0.1 is 10 % more); None when there is nothing to compare with."""
    return round(now / before - 1, 4) if before and now is not None else None


def _series(
    rows: Sequence[Mapping[str, Any]], figures: Sequence[dict[str, Any]], period: Period, interval: str
) -> Iterator[dict[str, Any]]:
    """One entry a step, also where nothing happened."""
    known = {row["at"]: each for row, each in zip(rows, figures, strict=True)}
    [nothing] = _measured([])
    for at in steps(period, interval):
        yield {"at": at, **known.get(at, nothing)}


def steps(period: Period, interval: str) -> Iterator[datetime]:
    """When the hours, days or weeks (from Monday) of a period begin; the first may begin before it."""
    at = period.since if interval == "hour" else start_of_day(period.since, period.zone)
    if interval == "week":
        at = start_of_day(at - timedelta(days=at.astimezone(period.zone).weekday()) + timedelta(hours=12), period.zone)
    while at < period.until:
        yield at
        at = _next(at, interval, period.zone)


def _next(at: datetime, interval: str, zone: ZoneInfo) -> datetime:
    if interval == "hour":
        return hour_of(at + HOUR, zone)  # Lord Howe turns its clocks by half an hour
    return next_day(at, zone) if interval == "day" else start_of_day(at + timedelta(days=7, hours=12), zone)


# --- usage ----------------------------------------------------------------------------------------------------------

_COLUMNS = {
    "chatbot": "chatbot_id AS chatbot",
    "key": "api_key_id AS key",
    "model": "model",
    "channel": "channel",
    "kind": "kind",
    "day": "date_trunc('day', at, %(time_zone)s) AS day",
}


def usage(scope: Scope, period: Period, by: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Tokens and cost by the named dimensions, read row by row; days in order, else dearest and busiest first."""
    ordering = [str(1 + by.index("day"))] if "day" in by else []
    text = SQL["usage"]
    text = re.sub(r"GROUP BY {dimensions}", "GROUP BY " + ", ".join(str(n + 1) for n in range(len(by))), text)
    text = text.replace("{dimensions}", ", ".join(_COLUMNS[name] for name in by))
    text = text.replace("{ordering}", ", ".join([*ordering, "cost DESC", "messages DESC", "lines DESC"]))
    with connection.cursor() as cursor:
        cursor.execute(text, _place(scope, period))
        names = [column.name for column in cursor.description or ()]
        while rows := cursor.fetchmany(1000):
            for row in rows:
                yield dict(zip(names, row, strict=True))


def sources(scope: Scope, period: Period, state: str = "") -> list[dict[str, Any]]:
    """Every living source with its citations in the period, most cited first."""
    return fetch_all("sources", {**_place(scope, period), "state": state, "stale_after": STALE_AFTER})
