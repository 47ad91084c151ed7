"""The roll-ups say what the raw rows say: whenever rows come, go or are rated, in every time zone."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from chatsphere.apps.analytics import histogram
from chatsphere.apps.analytics.models import Change, DailyUsage, HourlyUsage
from chatsphere.apps.analytics.periods import hour_of, read_period
from chatsphere.apps.analytics.reports import Scope, overview
from chatsphere.apps.analytics.rolling import roll_up, roll_up_all
from chatsphere.apps.users.models import UsageRecord
from chatsphere.core.identifiers import new_id
from tests.apps.analytics.ledger import ask, book, make_bot, make_workspace, rate

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
# Half and quarter hours; a change of the clock at midnight; one of half an hour; and the date line.
ZONES = (
    "UTC",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Pacific/Apia",
)
# Around changes of the clock of these zones in spring and autumn.
BEGIN = {"America/New_York": datetime(2026, 11, 1, tzinfo=UTC), "Australia/Lord_Howe": datetime(2026, 4, 4, tzinfo=UTC),
         "America/Santiago": datetime(2026, 9, 5, tzinfo=UTC)}  # fmt: skip
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "minutes": st.integers(0, 4 * 24 * 60),
            "kind": st.sampled_from(["chat", "chat", "chat", "search", "training"]),
            "finish_reason": st.sampled_from(["stop", "length", "refused_no_context", "error", "handoff", "cancelled"]),
            "visitor": st.integers(0, 5),
            "channel": st.sampled_from(["api", "widget"]),
            "model": st.sampled_from(["extractive", "openai:small"]),
            "tokens": st.integers(0, 5000),
            "cost": st.integers(0, 10**7),
            "latency": st.none() | st.integers(0, 400_000),
        }
    ),
    max_size=25,
)


def _overview(workspace: Any, since: datetime, until: datetime, interval: str = "day") -> dict[str, Any]:
    while roll_up(workspace.pk):
        pass
    zone = ZoneInfo(workspace.time_zone)
    return overview(Scope(workspace.pk), read_period(since, until, interval=interval, zone=zone, now=until), interval)


def _book_all(workspace: Any, lines: list[dict[str, Any]], begin: datetime, visitors: list[UUID]) -> None:
    for line in lines:
        book(
            workspace,
            begin + timedelta(minutes=line["minutes"]),
            **{name: line[name] for name in ("kind", "finish_reason", "channel", "model")},
            visitor_id=visitors[line["visitor"]],
            prompt_tokens=line["tokens"],
            cost_micros=line["cost"],
            latency_ms=line["latency"],
        )


def _plain(records: list[UsageRecord]) -> dict[str, Any]:
    chats = [record for record in records if record.kind == "chat"]
    reasons = Counter(record.finish_reason for record in chats)
    return {
        "messages": len(chats),
        "answered": reasons["stop"] + reasons["length"],
        "refused": reasons["refused_no_context"],
        "failed": reasons["error"],
        "handed_off": reasons["handoff"],
        "visitors": len({record.visitor_id for record in records}),
        "prompt_tokens": sum(record.prompt_tokens for record in records),
        "cost": sum(record.cost_micros for record in records),
    }


def _assert_near(found: int | None, exact: float | None) -> None:
    if exact is None:
        assert found is None
    else:
        assert found == pytest.approx(max(exact, 1), abs=_tolerance(exact))


def _tolerance(exact: float) -> float:
    """Two percent, and the rounding to whole milliseconds."""
    return histogram.RELATIVE_ERROR * exact + 0.5


def _exact(records: list[UsageRecord], share: float) -> float | None:
    values = sorted(r.latency_ms for r in records if r.kind == "chat" and r.latency_ms is not None)
    return values[math.floor(share * (len(values) - 1))] if values else None


def _assert_equal(figures: dict[str, Any], records: list[UsageRecord]) -> None:
    wanted = _plain(records)
    assert {name: figures[name] for name in wanted} == wanted
    _assert_near(figures["latency_p50_ms"], _exact(records, 0.5))
    _assert_near(figures["latency_p95_ms"], _exact(records, 0.95))


HISTORY = {"zone": st.sampled_from(ZONES), "first": LINES, "late": LINES, "gone": st.integers(0, 5), "cut": st.integers(0, 90 * 60)}  # fmt: skip
RULES: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@settings(max_examples=4, **RULES)
@given(history=st.fixed_dictionaries(HISTORY))
def test_totals_and_every_step_equal_the_raw_rows(history: dict[str, Any]) -> None:
    _assert_reports_equal_the_raw_rows(**history)


@pytest.mark.slow
@settings(max_examples=80, **RULES)
@given(history=st.fixed_dictionaries(HISTORY))
def test_totals_and_every_step_equal_the_raw_rows_of_many_histories(history: dict[str, Any]) -> None:
    _assert_reports_equal_the_raw_rows(**history)


def _assert_reports_equal_the_raw_rows(
    *, zone: str, first: list[dict[str, Any]], late: list[dict[str, Any]], gone: int, cut: int
) -> None:
    assume(
        zone != "Australia/Lord_Howe" or not 840 <= cut <= 960
    )  # there a period cannot begin: half an hour comes twice
    workspace, begin = make_workspace(zone), BEGIN.get(zone, datetime(2026, 3, 7, tzinfo=UTC))
    visitors = [new_id() for _number in range(6)]
    _book_all(workspace, first, begin, visitors)
    roll_up(workspace.pk, hours=3)  # interrupted in the middle
    _book_all(workspace, late, begin, visitors)
    doomed = UsageRecord.objects.in_workspace(workspace).order_by("id").values("pk")[:gone]
    UsageRecord.objects.filter(pk__in=doomed).delete()

    for interval in ("hour", "day", "week"):
        report = _overview(workspace, begin + timedelta(minutes=cut), begin + timedelta(days=4, minutes=45), interval)
        rows = UsageRecord.objects.in_workspace(workspace)
        inside = list(rows.filter(occurred_at__gte=report["since"], occurred_at__lt=report["until"]))
        _assert_equal(report["totals"], inside)
        starts = [step["at"] for step in report["series"]]
        ends = [*starts[1:], report["until"]]
        for step, start, end in zip(report["series"], starts, ends, strict=True):
            if interval == "hour":
                _assert_equal(step, [row for row in inside if hour_of(row.occurred_at, ZoneInfo(zone)) == start])
            else:
                _assert_equal(step, [row for row in inside if start <= row.occurred_at < end])


def test_days_are_those_of_the_workspace() -> None:
    workspace = make_workspace("Asia/Kathmandu")  # UTC+5:45
    midnight = datetime(2026, 3, 10, 18, 15, tzinfo=UTC)
    book(workspace, midnight - timedelta(seconds=1))
    book(workspace, midnight)

    report = _overview(workspace, midnight - timedelta(days=1), midnight + timedelta(days=1))

    assert [(step["at"], step["messages"]) for step in report["series"]] == [
        (midnight - timedelta(days=1), 1),
        (midnight, 1),
    ]


def test_another_time_zone_sums_everything_again() -> None:
    workspace = make_workspace("UTC")
    book(workspace, datetime(2026, 3, 10, 23, 50, tzinfo=UTC))
    _overview(workspace, NOON, NOON + timedelta(days=2))
    workspace.time_zone = "Asia/Kolkata"
    workspace.save()

    report = _overview(workspace, NOON, NOON + timedelta(days=2))

    assert [step["messages"] for step in report["series"] if step["messages"]] == [1]
    assert [row.at.minute for row in HourlyUsage.objects.all()] == [30]
    assert DailyUsage.objects.get().at == datetime(2026, 3, 10, 18, 30, tzinfo=UTC)


def test_a_rating_that_comes_late_counts_for_the_answer_it_rates() -> None:
    workspace = make_workspace()
    answer = ask(make_bot(workspace), "Where is the moon?", NOON, finish_reason="stop")
    assert _overview(workspace, NOON, NOON + timedelta(hours=1))["totals"]["feedback_up"] == 0
    rate(answer, "up")
    assert _overview(workspace, NOON, NOON + timedelta(hours=1))["totals"]["feedback_up"] == 1
    rate(answer, "down")
    figures = _overview(workspace, NOON, NOON + timedelta(hours=1))["totals"]
    assert (figures["feedback_up"], figures["feedback_down"]) == (0, 1)


def test_a_deleted_conversation_is_counted_no_more_but_what_it_used_is() -> None:
    workspace = make_workspace()
    now = datetime.now(UTC)
    answer = ask(make_bot(workspace), "Where is the moon?", now)
    before = _overview(workspace, now - timedelta(hours=1), now + timedelta(hours=1))["totals"]
    answer.conversation.delete()
    after = _overview(workspace, now - timedelta(hours=1), now + timedelta(hours=1))["totals"]

    assert (before["conversations"], after["conversations"]) == (1, 0)
    assert before["messages"] == after["messages"] == 1


def test_rolling_up_again_changes_nothing() -> None:
    workspace = make_workspace()
    book(workspace, NOON)
    roll_up_all()
    rows = list(HourlyUsage.objects.values())
    Change.objects.create(workspace_id=workspace.pk, at=NOON)
    roll_up_all()
    again = list(HourlyUsage.objects.values())

    assert [{**row, "id": 0} for row in rows] == [{**row, "id": 0} for row in again]
    assert not Change.objects.exists()


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=200), cut=st.integers(0, 200))
def test_percentiles_of_joined_histograms_are_off_by_two_percent_at_most(values: list[int], cut: int) -> None:
    joined = histogram.compact(histogram.encode(values[:cut]) + histogram.encode(values[cut:]))
    values.sort()
    for share in (0.0, 0.5, 0.95, 1.0):
        exact = max(1, values[math.floor(share * (len(values) - 1))])
        assert histogram.quantiles(joined, [share])[0] == pytest.approx(exact, abs=_tolerance(exact))
