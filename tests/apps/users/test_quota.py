"""Quotas: claimed before, settled after, told of at 80 and 100 percent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from chatsphere.apps.users import notices, quota
from chatsphere.apps.users.models import QuotaCounter, QuotaReservation
from chatsphere.apps.users.notices import QuotaNotice
from chatsphere.apps.users.quota import Amount, Metric, chat_amounts
from chatsphere.core.exceptions import QuotaExceeded

pytestmark = pytest.mark.django_db
CHATBOT = UUID(int=7)


@pytest.fixture
def workspace(alice: Any) -> Any:
    workspace = alice.default_workspace
    workspace.usage_limit = 10
    workspace.save()
    return workspace


def _counter(workspace: Any, metric: str = "messages") -> tuple[int, int]:
    row = QuotaCounter.objects.in_workspace(workspace).get(metric=metric)
    return row.used, row.reserved


def _reserve(workspace: Any, key: str, *amounts: Amount) -> None:
    quota.reserve(workspace_id=workspace.pk, request_key=key, amounts=amounts or (Amount(Metric.MESSAGES, 1),))


def test_reserved_units_are_used_when_they_are_settled(workspace: Any) -> None:
    _reserve(workspace, "a")
    assert _counter(workspace) == (0, 1)

    quota.settle(workspace_id=workspace.pk, request_key="a")

    assert _counter(workspace) == (1, 0)


def test_released_units_are_free_again(workspace: Any) -> None:
    _reserve(workspace, "a")

    quota.release(workspace_id=workspace.pk, request_key="a")

    assert _counter(workspace) == (0, 0)


def test_settling_twice_or_after_a_release_changes_nothing(workspace: Any) -> None:
    _reserve(workspace, "a")
    quota.settle(workspace_id=workspace.pk, request_key="a")

    quota.settle(workspace_id=workspace.pk, request_key="a")
    quota.release(workspace_id=workspace.pk, request_key="a")

    assert _counter(workspace) == (1, 0)


def test_tokens_settle_to_what_was_really_used(workspace: Any) -> None:
    _reserve(workspace, "a", *chat_amounts(CHATBOT, tokens=2_000))

    quota.settle(workspace_id=workspace.pk, request_key="a", actual={Metric.TOKENS: 1_234})

    assert _counter(workspace, "tokens") == (1_234, 0)
    assert _counter(workspace) == (1, 0)
    assert _counter(workspace, f"chatbot:{CHATBOT.hex}") == (1, 0)


@pytest.mark.parametrize("nonsense", [-1, 10**15])
def test_an_impossible_count_of_tokens_is_ignored(workspace: Any, nonsense: int) -> None:
    _reserve(workspace, "a", Amount(Metric.TOKENS, 500))

    quota.settle(workspace_id=workspace.pk, request_key="a", actual={Metric.TOKENS: nonsense})

    assert _counter(workspace, "tokens") == (500, 0)


def test_the_unit_after_the_last_is_402_and_says_what_to_do(workspace: Any) -> None:
    for number in range(10):
        _reserve(workspace, str(number))

    with pytest.raises(QuotaExceeded, match=r"10 messages of this month.*Raise the plan"):
        _reserve(workspace, "one too many")

    assert _counter(workspace) == (0, 10)


def test_more_units_at_once_than_the_limit_are_refused_from_the_start(workspace: Any) -> None:
    with pytest.raises(QuotaExceeded):
        _reserve(workspace, "a", Amount(Metric.MESSAGES, 11))

    assert not QuotaCounter.objects.exists()


def test_a_claim_is_granted_whole_or_not_at_all(workspace: Any) -> None:
    _reserve(workspace, "a", Amount(Metric.MESSAGES, 10))

    with pytest.raises(QuotaExceeded):
        _reserve(workspace, "b", *chat_amounts(CHATBOT, tokens=5))

    assert not QuotaCounter.objects.filter(metric="tokens").exists()
    assert QuotaReservation.objects.count() == 1


def test_a_key_holds_units_once(workspace: Any) -> None:
    _reserve(workspace, "a")

    with pytest.raises(IntegrityError), transaction.atomic():
        _reserve(workspace, "a")

    assert _counter(workspace) == (0, 1)


def test_without_the_workspaces_own_limit_the_plan_counts(alice: Any) -> None:
    with pytest.raises(QuotaExceeded, match="1000 messages"):
        _reserve(alice.default_workspace, "a", Amount(Metric.MESSAGES, 1_001))


def test_a_plan_without_a_limit_still_counts(alice: Any) -> None:
    workspace = alice.default_workspace
    workspace.plan_id = "enterprise"
    workspace.save()

    _reserve(workspace, "a", Amount(Metric.MESSAGES, 10**7))

    assert _counter(workspace) == (0, 10**7)


def test_workspaces_do_not_share_a_quota(workspace: Any, charlie: Any) -> None:
    _reserve(workspace, "a", Amount(Metric.MESSAGES, 10))

    _reserve(charlie.default_workspace, "a")

    assert _counter(charlie.default_workspace) == (0, 1)


def test_chatbots_are_taken_and_given_back(workspace: Any) -> None:
    for _number in range(3):
        quota.take(workspace_id=workspace.pk, amounts=[Amount(Metric.CHATBOTS, 1)])
    with pytest.raises(QuotaExceeded, match="3 chatbots"):
        quota.take(workspace_id=workspace.pk, amounts=[Amount(Metric.CHATBOTS, 1)])

    quota.give_back(workspace_id=workspace.pk, metric=Metric.CHATBOTS, units=1)

    quota.take(workspace_id=workspace.pk, amounts=[Amount(Metric.CHATBOTS, 1)])
    assert _counter(workspace, "chatbots") == (3, 0)


def test_giving_back_too_much_does_not_go_below_nothing(workspace: Any) -> None:
    quota.take(workspace_id=workspace.pk, amounts=[Amount(Metric.STORAGE, 100)])

    quota.give_back(workspace_id=workspace.pk, metric=Metric.STORAGE, units=500)

    assert _counter(workspace, "storage") == (0, 0)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_month_and_the_day_are_those_of_the_workspaces_time_zone(workspace: Any, zone: str) -> None:
    from zoneinfo import ZoneInfo

    workspace.time_zone = zone
    workspace.save()

    _reserve(workspace, "a", *chat_amounts(CHATBOT))

    today = datetime.now(UTC).astimezone(ZoneInfo(zone)).date()
    assert QuotaCounter.objects.get(metric="messages").period == today.replace(day=1)
    assert QuotaCounter.objects.exclude(metric="messages").get().period == today


def test_a_reservation_that_nobody_ended_is_freed(workspace: Any) -> None:
    _reserve(workspace, "crashed", *chat_amounts(CHATBOT))
    _reserve(workspace, "going on")
    QuotaReservation.objects.filter(request_key="crashed").update(expires_at=timezone.now() - timedelta(seconds=1))

    quota.release_expired()

    assert _counter(workspace) == (0, 1)
    assert QuotaReservation.objects.get().request_key == "going on"


@pytest.fixture
def heard() -> Iterator[list[QuotaNotice]]:
    told: list[QuotaNotice] = []

    async def nobody(connection: object, notice: QuotaNotice) -> None:
        raise AssertionError("sync code tells sync listeners")

    notices.listen("test", told.append, nobody)
    yield told
    notices._listeners.pop("test")


def test_80_and_100_percent_are_told_once_a_period(workspace: Any, heard: list[QuotaNotice]) -> None:
    for number in range(10):
        _reserve(workspace, str(number))
    quota.release(workspace_id=workspace.pk, request_key="9")
    _reserve(workspace, "again at the limit")

    assert [(notice.level, notice.used, notice.limit) for notice in heard] == [(80, 8, 10), (100, 10, 10)]
    assert {notice.metric for notice in heard} == {"messages"}


def test_a_step_over_both_levels_tells_the_higher_one(workspace: Any, heard: list[QuotaNotice]) -> None:
    _reserve(workspace, "a", Amount(Metric.MESSAGES, 10))

    assert [notice.level for notice in heard] == [100]


def test_storage_of_one_key_is_no_concern_of_another_workspace_settling_it(workspace: Any, charlie: Any) -> None:
    _reserve(workspace, str(uuid4()))
    key = QuotaReservation.objects.get().request_key

    quota.release(workspace_id=charlie.default_workspace.pk, request_key=key)

    assert _counter(workspace) == (0, 1)


def test_webhooks_hear_of_it_in_the_same_transaction(workspace: Any) -> None:
    from chatsphere.apps.webhooks.models import Event

    _reserve(workspace, "a", Amount(Metric.MESSAGES, 8))
    _reserve(workspace, "b", Amount(Metric.MESSAGES, 2))

    events = Event.objects.in_workspace(workspace).order_by("id")
    assert [event.type for event in events] == ["quota.warning", "quota.exceeded"]
    assert events[0].payload["metric"] == "messages"
    assert (events[1].payload["used"], events[1].payload["limit"]) == (10, 10)
