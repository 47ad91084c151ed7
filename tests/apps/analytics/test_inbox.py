"""The inbox: what comes in, how it is grouped and ranked, how it is answered, dismissed and opened again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chatsphere.apps.analytics import answering, inbox
from chatsphere.apps.analytics.models import AnswerWork, QuestionCluster, UnansweredQuestion
from chatsphere.apps.analytics.rolling import roll_up_all
from chatsphere.apps.conversations.actions import hand_off
from chatsphere.apps.conversations.models import Trace
from chatsphere.apps.training.models import Run, TrainingSource
from chatsphere.apps.users.models import QuotaCounter, Workspace
from tests.apps.analytics.ledger import ask, make_bot, rate
from tests.apps.training import world as training

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
MOON = ["How far away is the moon?", "How far away is the moon tonight?", "Is the moon far away?"]
URL = "/api/v1/analytics/questions/"


@pytest.fixture
def bot(alice: Any) -> Any:
    return make_bot(alice.default_workspace)


@pytest.fixture
def client(alice: Any, client_of: Callable[[Any], Any]) -> Any:
    return client_of(alice)


def _sort() -> None:
    roll_up_all()
    inbox.sort_in_all()


def test_questions_of_one_meaning_stand_together_under_the_most_central_one(bot: Any, client: Any) -> None:
    for text in [*MOON, "Do you sell red bicycles?"]:
        ask(bot, text, NOW)

    results = client.get(URL, {"state": "unanswered"}).json()["results"]

    assert [(each["question"], each["asked_count"]) for each in results] == [
        ("How far away is the moon?", 3),
        ("Do you sell red bicycles?", 1),
    ]
    assert {example["text"] for example in results[0]["examples"]} == set(MOON)
    assert results[0]["reasons"] == {"refused": 3}


def test_a_cluster_keeps_its_id_when_more_come(bot: Any) -> None:
    ask(bot, MOON[0], NOW)
    _sort()
    first = QuestionCluster.objects.get().pk
    for text in MOON[1:]:
        ask(bot, text, NOW)
    _sort()

    assert QuestionCluster.objects.get().pk == first
    assert QuestionCluster.objects.get().asked_count == 3


def test_every_reason_brings_a_question_in(bot: Any) -> None:
    ask(bot, "refused?", NOW)
    rate(ask(bot, "rated down?", NOW, finish_reason="stop"), "down")
    ask(bot, "not grounded?", NOW, finish_reason="stop", grounded=False)
    weak = ask(bot, "weak?", NOW, finish_reason="stop", grounded=True)
    Trace.objects.create(workspace_id=bot.workspace_id, message=weak, data={"decision": {"probability": 0.51}})
    handed = ask(bot, "a person?", NOW, finish_reason="stop", grounded=True)
    hand_off(workspace_id=bot.workspace_id, conversation_id=handed.conversation_id)
    ask(bot, "fine?", NOW, finish_reason="stop", grounded=True)
    roll_up_all()

    assert dict(UnansweredQuestion.objects.values_list("text", "reason")) == {
        "refused?": "refused",
        "rated down?": "feedback_down",
        "not grounded?": "low_score",
        "weak?": "low_score",
        "a person?": "handoff",
    }


def test_a_bad_rating_that_is_taken_back_takes_the_question_out(bot: Any) -> None:
    answer = ask(bot, MOON[0], NOW, finish_reason="stop")
    rate(answer, "down")
    _sort()
    assert QuestionCluster.objects.count() == 1
    rate(answer, "up")
    _sort()

    assert not UnansweredQuestion.objects.exists()
    assert not QuestionCluster.objects.exists()


def test_a_deleted_conversation_takes_its_questions_out_and_the_cluster_is_named_again(bot: Any) -> None:
    answers = [ask(bot, text, NOW) for text in MOON]
    _sort()
    answers[0].conversation.delete()
    _sort()

    cluster = QuestionCluster.objects.get()
    assert (cluster.asked_count, cluster.question in MOON[1:]) == (2, True)


def test_what_is_asked_lately_ranks_before_what_was_asked_long_ago(bot: Any, client: Any) -> None:
    for days in (60, 61, 62):
        ask(bot, "Do you sell red bicycles?", NOW - timedelta(days=days))
    ask(bot, MOON[0], NOW)

    by_rank = [each["question"] for each in client.get(URL).json()["results"]]
    by_count = [each["question"] for each in client.get(URL, {"ordering": "-asked_count"}).json()["results"]]

    assert by_rank == [MOON[0], "Do you sell red bicycles?"]
    assert by_count == by_rank[::-1]


def test_dismissed_questions_stay_away_also_when_they_come_again(bot: Any, client: Any) -> None:
    ask(bot, MOON[0], NOW)
    [cluster] = client.get(URL).json()["results"]
    assert client.post(f"{URL}{cluster['id']}/dismiss/").json()["state"] == "dismissed"
    ask(bot, MOON[1], datetime.now(UTC))

    assert client.get(URL, {"state": "unanswered"}).json()["results"] == []
    assert client.get(URL, {"state": "dismissed"}).json()["results"][0]["asked_count"] == 2
    assert client.post(f"{URL}{cluster['id']}/reopen/").json()["state"] == "unanswered"


def test_an_answer_becomes_a_source_that_is_trained_and_asked_again(bot: Any, client: Any) -> None:
    ask(bot, MOON[0], NOW)
    [cluster] = client.get(URL).json()["results"]
    text = "The moon is 384,400 kilometres far away from us."
    begun = client.post(f"{URL}{cluster['id']}/answer/", {"answer": text}, format="json")
    assert begun.status_code == 202
    source = TrainingSource.objects.get(pk=begun.json()["source"])
    assert (source.source_type, source.options["pairs"]) == ("qa", [{"question": MOON[0], "answer": text}])
    work = AnswerWork.objects.get()

    answering.ask_again(work.pk)  # too early: it waits
    work.refresh_from_db()
    assert work.state == "queued"


@pytest.mark.django_db(transaction=True)
def test_before_and_after_an_answer_are_shown(alice: Any, client: Any) -> None:
    chatbot = training.make_chatbot(alice)
    ask(chatbot, MOON[0], datetime.now(UTC))
    [cluster] = client.get(URL).json()["results"]
    text = "The moon is 384,400 kilometres far away from us."
    client.post(f"{URL}{cluster['id']}/answer/", {"answer": text}, format="json")
    training.work()
    answering.ask_again(AnswerWork.objects.get().pk)

    shown = client.get(f"{URL}{cluster['id']}/").json()
    [result] = shown["answer"]["results"]
    assert (shown["state"], shown["answer"]["state"]) == ("answered", "succeeded")
    assert (result["question"], result["before"]["finish_reason"]) == (MOON[0], "refused_no_context")
    assert "384,400" in result["after"]["content"]
    assert (result["after"]["finish_reason"], result["after"]["cites_answer"]) == ("stop", True)


@pytest.mark.django_db(transaction=True)
def test_asking_again_takes_messages_of_the_month_and_ends_where_there_are_none(alice: Any, client: Any) -> None:
    chatbot = training.make_chatbot(alice)
    ask(chatbot, MOON[0], datetime.now(UTC))
    [cluster] = client.get(URL).json()["results"]
    answer = {"answer": "The moon is 384,400 kilometres far away from us."}
    client.post(f"{URL}{cluster['id']}/answer/", answer, format="json")
    training.work()
    Workspace.objects.filter(pk=alice.default_workspace_id).update(usage_limit=0)
    answering.ask_again(AnswerWork.objects.get().pk)

    work = AnswerWork.objects.get()
    assert (work.state, work.error_type) == ("failed", "quota_exceeded")
    assert client.get(f"{URL}{cluster['id']}/").json()["state"] == "answered"  # the answer stands

    Workspace.objects.filter(pk=alice.default_workspace_id).update(usage_limit=1)
    AnswerWork.objects.update(state="queued", finished_at=None, available_at=datetime.now(UTC))
    answering.ask_again(work.pk)
    work.refresh_from_db()
    counter = QuotaCounter.objects.get(metric="messages")
    assert (work.state, counter.used, counter.reserved) == ("succeeded", 1, 0)


def test_a_source_that_fails_opens_the_question_again(bot: Any, client: Any) -> None:
    ask(bot, MOON[0], NOW)
    [cluster] = client.get(URL).json()["results"]
    client.post(f"{URL}{cluster['id']}/answer/", {"answer": "Far."}, format="json")
    assert client.get(f"{URL}{cluster['id']}/").json()["state"] == "answered"
    TrainingSource.objects.update(status="failed", error_message="The disk is full.")
    answering.ask_again(AnswerWork.objects.get().pk)

    shown = client.get(f"{URL}{cluster['id']}/").json()
    assert (shown["state"], shown["answer"]["state"], shown["answer"]["error_message"]) == (
        "unanswered",
        "failed",
        "The disk is full.",
    )


def test_an_answered_question_that_is_refused_again_opens_its_cluster_again(bot: Any, client: Any) -> None:
    ask(bot, MOON[0], NOW)
    [cluster] = client.get(URL).json()["results"]
    client.post(f"{URL}{cluster['id']}/answer/", {"answer": "Far."}, format="json")
    AnswerWork.objects.update(state="succeeded")
    Run.objects.all().delete()
    ask(bot, MOON[1], datetime.now(UTC) + timedelta(seconds=1))

    [again] = client.get(URL, {"state": "unanswered"}).json()["results"]
    assert again["id"] == cluster["id"]
    assert again["reopened_at"] is not None


def test_two_answers_at_once_are_a_conflict(bot: Any, client: Any) -> None:
    ask(bot, MOON[0], NOW)
    [cluster] = client.get(URL).json()["results"]
    statuses = [
        client.post(f"{URL}{cluster['id']}/answer/", {"answer": text}, format="json").status_code for text in ("a", "b")
    ]
    assert statuses == [202, 409]


def test_strangers_and_readers_cannot_answer(bot: Any, client: Any, charlie: Any, client_of: Any) -> None:
    ask(bot, MOON[0], NOW)
    [cluster] = client.get(URL).json()["results"]
    answer = client_of(charlie).post(f"{URL}{cluster['id']}/answer/", {"answer": "No."}, format="json")
    assert answer.status_code == 404
    assert client_of(charlie).get(URL).json()["results"] == []


def test_another_embedding_model_keeps_the_clusters(bot: Any, settings: Any) -> None:
    for text in MOON:
        ask(bot, text, NOW)
    _sort()
    before = QuestionCluster.objects.get().pk
    settings.EMBEDDING_MODEL = "hashing:128"
    ask(bot, "How far away is the moon now?", NOW)
    _sort()

    cluster = QuestionCluster.objects.get()
    assert (cluster.pk, cluster.model, cluster.asked_count) == (before, "hashing:128", 4)


def test_tidying_moves_questions_and_keeps_ids(bot: Any) -> None:
    for text in [*MOON, "Do you sell red bicycles?", "Do you sell blue bicycles?"]:
        ask(bot, text, NOW)
    _sort()
    moon = QuestionCluster.objects.get(question=MOON[0])
    stray = UnansweredQuestion.objects.get(text="Do you sell blue bicycles?")
    UnansweredQuestion.objects.filter(pk=stray.pk).update(cluster=moon)

    assert inbox.tidy_up(bot.pk) == 1
    assert sorted(QuestionCluster.objects.values_list("asked_count", flat=True)) == [2, 3]
    assert QuestionCluster.objects.filter(pk=moon.pk).exists()
