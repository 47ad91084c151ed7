"""After an erasure the figures say what the raw rows still say, and no text of it is left in the inbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from chatsphere.apps.analytics import inbox
from chatsphere.apps.analytics.answering import answer_cluster
from chatsphere.apps.analytics.models import AnswerWork, HourlyCitations, QuestionCluster, UnansweredQuestion
from chatsphere.apps.analytics.periods import Period
from chatsphere.apps.analytics.reports import Scope, overview
from chatsphere.apps.analytics.rolling import roll_up_all
from chatsphere.apps.conversations import privacy
from chatsphere.apps.conversations.models import Citation, Conversation, Erasure, Visitor
from chatsphere.apps.conversations.retention import apply_to
from chatsphere.apps.users.models import UsageRecord
from chatsphere.core.identifiers import new_id
from tests.apps.analytics.ledger import ask, make_bot, rate

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
HERS = "How far away is the moon, Ada asked?"
ALIKE = "How far away is the moon?"


@pytest.fixture
def bot(alice: Any) -> Any:
    return make_bot(alice.default_workspace)


@pytest.fixture
def ada(bot: Any) -> Visitor:
    visitor: Visitor = Visitor.objects.create(workspace_id=bot.workspace_id, chatbot=bot, external_id="ada")
    return visitor


@pytest.fixture
def erase_ada(bot: Any, ada: Visitor) -> Callable[[], None]:
    def erase() -> None:
        row = privacy.request_privacy(workspace_id=bot.workspace_id, kind="erase", external_id="ada", chatbot_ids=None)
        privacy.run_privacy_request(row.pk)
        assert Erasure.objects.filter(workspace_id=bot.workspace_id, visitor_ids=[ada.pk]).exists()
        _sort()

    return erase


def _sort() -> None:
    roll_up_all()
    inbox.sort_in_all()


def _figures(workspace_id: UUID) -> dict[str, Any]:
    hour = NOW.replace(minute=0, second=0, microsecond=0)
    period = Period(hour - timedelta(days=3), hour + timedelta(hours=2), ZoneInfo("UTC"))
    totals: dict[str, Any] = overview(Scope(workspace_id), period, "day")["totals"]
    return totals


def _plain(workspace_id: UUID) -> dict[str, int]:
    lines = UsageRecord.objects.in_workspace(workspace_id).filter(kind="chat")
    return {
        "conversations": Conversation.objects.in_workspace(workspace_id).count(),
        "messages": lines.count(),
        "refused": lines.filter(finish_reason="refused_no_context").count(),
        "visitors": lines.exclude(visitor_id=None).values("visitor_id").distinct().count(),
        "feedback_up": 0,
        "feedback_down": 0,
    }


def _assert_equal(workspace_id: UUID) -> None:
    wanted = _plain(workspace_id)
    figures = _figures(workspace_id)
    assert {name: figures[name] for name in wanted} == wanted


def test_the_roll_ups_equal_the_raw_rows_after_a_visitor_is_erased(bot: Any, ada: Visitor, erase_ada: Any) -> None:
    rated = ask(bot, HERS, NOW - timedelta(days=1), finish_reason="stop", visitor=ada)
    rate(rated, "down")
    Citation.objects.create(
        workspace_id=bot.workspace_id,
        message=rated,
        index=1,
        source_id=new_id(),
        document_id=new_id(),
        chunk_id=new_id(),
        quote="Far.",
        char_start=0,
        char_end=4,
    )
    ask(bot, HERS, NOW, visitor=ada)
    ask(bot, ALIKE, NOW)
    _sort()
    before = _figures(bot.workspace_id)
    assert (before["messages"], before["visitors"], before["feedback_down"], before["conversations"]) == (3, 1, 1, 3)
    assert HourlyCitations.objects.exists()

    erase_ada()

    _assert_equal(bot.workspace_id)
    after = _figures(bot.workspace_id)
    assert (after["messages"], after["visitors"], after["conversations"]) == (3, 0, 1)
    assert not HourlyCitations.objects.exists()


def test_no_text_of_an_erased_visitor_stays_in_the_inbox(bot: Any, ada: Visitor, erase_ada: Any) -> None:
    for _number in range(3):  # the most central one, so that it names the cluster
        ask(bot, HERS, NOW, visitor=ada)
    ask(bot, ALIKE, NOW)
    ask(bot, "Do you sell red bicycles to Ada?", NOW, visitor=ada)
    _sort()
    assert set(QuestionCluster.objects.values_list("question", flat=True)) == {HERS, "Do you sell red bicycles to Ada?"}

    erase_ada()

    assert list(UnansweredQuestion.objects.values_list("text", flat=True)) == [ALIKE]
    assert list(QuestionCluster.objects.values_list("question", "asked_count")) == [(ALIKE, 1)]


@pytest.mark.parametrize("state", ["answered", "dismissed"])
def test_nor_in_clusters_that_were_answered_or_dismissed(bot: Any, ada: Visitor, erase_ada: Any, state: str) -> None:
    ask(bot, HERS, NOW, visitor=ada)
    _sort()
    QuestionCluster.objects.update(state=state, resolved_at=NOW)

    erase_ada()

    assert not QuestionCluster.objects.exists()


def test_nor_in_what_was_asked_again(bot: Any, ada: Visitor, erase_ada: Any) -> None:
    ask(bot, HERS, NOW, visitor=ada)
    ask(bot, ALIKE, NOW)
    _sort()
    cluster = QuestionCluster.objects.get()
    work = answer_cluster(workspace_id=bot.workspace_id, cluster_id=cluster.pk, answer="Far.", question="Moon?")
    assert {each["question"] for each in work.results} == {HERS, ALIKE}

    erase_ada()

    assert [each["question"] for each in AnswerWork.objects.get().results] == [ALIKE]


def test_a_cluster_that_is_being_answered_loses_its_name_at_once_and_goes_afterwards(
    bot: Any, ada: Visitor, erase_ada: Any
) -> None:
    ask(bot, HERS, NOW, visitor=ada)
    _sort()
    cluster = QuestionCluster.objects.get()
    answer_cluster(workspace_id=bot.workspace_id, cluster_id=cluster.pk, answer="Far.", question="Moon?")

    erase_ada()

    assert QuestionCluster.objects.get().question == ""
    assert AnswerWork.objects.get().results == []
    AnswerWork.objects.update(state="succeeded")
    _sort()
    assert not QuestionCluster.objects.exists()


def test_retention_leaves_the_roll_ups_equal_to_the_raw_rows(bot: Any, ada: Visitor) -> None:
    old = ask(bot, HERS, NOW - timedelta(days=2), visitor=ada)
    ask(bot, ALIKE, NOW)
    _sort()
    Conversation.objects.filter(pk=old.conversation_id).update(last_message_at=NOW - timedelta(days=2))
    bot.workspace.keep_conversations_days = 1
    apply_to(bot.workspace, NOW)
    _sort()

    _assert_equal(bot.workspace_id)
    assert list(UnansweredQuestion.objects.values_list("text", flat=True)) == [ALIKE]
