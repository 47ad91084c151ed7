"""Evaluations: durable, measured, counted, compared."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chatsphere.apps.chatbots.actions import create_version, update_chatbot
from chatsphere.apps.evaluation import sweep, tasks, worker
from chatsphere.apps.evaluation.actions import edit_question, start_evaluation
from chatsphere.apps.evaluation.models import Evaluation, Result, TestQuestion
from chatsphere.apps.users.models import Plan, QuotaCounter, UsageRecord
from chatsphere.apps.webhooks.models import Event
from chatsphere.core.identifiers import new_id

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_evaluation_asks_every_question_and_measures_the_answers(
    alice: Any, test_set: Any, client_of: Any, evaluated: Any
) -> None:
    evaluation = evaluated(test_set)

    shown = client_of(alice).get(f"/api/v1/evaluations/{evaluation.pk}/").json()
    summary = shown["summary"]
    assert (shown["state"], shown["progress"]) == ("succeeded", {"done": 3, "total": 3})
    assert (summary["questions"], summary["score"], summary["refusal_accuracy"]) == (3, 0.8333, 1.0)
    assert (summary["hit_at_1"], summary["mrr"], summary["citation_validity"]) == (1.0, 1.0, 1.0)
    assert summary["latency_p50_ms"] > 0
    rows = client_of(alice).get(f"/api/v1/evaluations/{evaluation.pk}/results/").json()["results"]
    assert [(row["expects"], row["is_refused"], row["rank"]) for row in rows] == [
        ("answer", False, 1),
        ("answer", False, 1),
        ("refusal", True, None),
    ]
    assert rows[0]["citations"][0]["quote"] in rows[0]["answer"]


def test_no_conversation_is_left_behind_and_what_was_asked_is_counted(
    alice: Any, test_set: Any, evaluated: Any
) -> None:
    from chatsphere.apps.conversations.models import Conversation

    evaluated(test_set)

    assert not Conversation.objects.exists()
    assert UsageRecord.objects.filter(channel="evaluation").count() == 3
    assert QuotaCounter.objects.get(metric="messages").used == 3


def test_an_evaluation_beyond_the_quota_ends_with_the_reason(alice: Any, test_set: Any, evaluated: Any) -> None:
    Plan.objects.update(messages_per_month=2)

    evaluation = evaluated(test_set)

    assert (evaluation.state, evaluation.error_type, Result.objects.count()) == ("failed", "quota_exceeded", 0)


def test_its_end_is_announced(test_set: Any, evaluated: Any) -> None:
    evaluation = evaluated(test_set)

    [event] = Event.objects.filter(type="evaluation.completed")
    assert event.payload["evaluation_id"] == str(evaluation.pk)
    assert event.payload["summary"]["questions"] == 3


def test_a_slice_of_time_is_continued_by_another_hint(test_set: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hints: list[str] = []
    monkeypatch.setattr(tasks, "send_hint", lambda name, *_arguments, **_options: hints.append(name))
    monkeypatch.setattr(tasks, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(worker, "AT_ONCE", 1)
    evaluation = start_evaluation(test_set=test_set)

    for done in (1, 2, 3):
        tasks.run_evaluation(str(evaluation.pk))
        assert Result.objects.count() == done

    evaluation.refresh_from_db()
    assert (evaluation.state, len(hints), evaluation.attempt) == ("succeeded", 2, 1)


def test_another_worker_goes_on_where_a_dead_one_stopped(test_set: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.utils import timezone

    from chatsphere.apps.evaluation import asking

    monkeypatch.setattr(worker, "AT_ONCE", 1)
    evaluation = start_evaluation(test_set=test_set)
    ask, asked = asking.ask, []

    async def ask_once_then_die(*arguments: Any) -> Any:
        if asked:
            raise KeyboardInterrupt
        asked.append(arguments)
        return await ask(*arguments)

    monkeypatch.setattr(asking, "ask", ask_once_then_die)
    with pytest.raises(KeyboardInterrupt):
        worker.work(str(evaluation.pk), ends_at=time.monotonic() + 60)
    monkeypatch.setattr(asking, "ask", ask)
    Evaluation.objects.update(lease_until=timezone.now())
    hints: list[str] = []
    monkeypatch.setattr(sweep, "send_hint", lambda _name, pk, **_options: hints.append(pk))

    sweep.sweep()
    worker.work(hints[0], ends_at=time.monotonic() + 60)

    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.summary["questions"], QuotaCounter.objects.get(metric="messages").used) == (
        "succeeded",
        3,
        3,
    )


def test_a_provider_that_is_away_postpones_it(test_set: Any, model: Any) -> None:
    from chatsphere.services.errors import UpstreamUnavailable

    model.error = UpstreamUnavailable("down", retry_after=30)
    evaluation = start_evaluation(test_set=test_set)

    worker.work(str(evaluation.pk), ends_at=time.monotonic() + 60)

    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.errors, evaluation.error_type) == ("queued", 1, "upstream_unavailable")
    assert QuotaCounter.objects.get(metric="messages").used == 0


def test_a_cancelled_one_writes_nothing_more(alice: Any, test_set: Any, client_of: Any) -> None:
    evaluation = start_evaluation(test_set=test_set)
    path = f"/api/v1/evaluations/{evaluation.pk}/cancel/"

    answers = [client_of(alice).post(path) for _ in range(2)]
    worker.work(str(evaluation.pk), ends_at=time.monotonic() + 60)

    assert [answer.status_code for answer in answers] == [200, 409]
    assert not Result.objects.exists()


def test_an_evaluation_asks_the_questions_as_they_stood(test_set: Any, evaluated: Any) -> None:
    evaluation = start_evaluation(test_set=test_set)
    question = TestQuestion.objects.get(question__startswith="Where")
    edit_question(question=question, changes={"question": "Where is the lizard?"})

    worker.work(str(evaluation.pk), ends_at=time.monotonic() + 60)

    asked = set(Result.objects.values_list("question__question", flat=True))
    assert "Where are the spare chargers kept?" in asked
    assert "Where is the lizard?" not in asked


def test_an_empty_set_and_too_many_at_once_are_refused(alice: Any, chatbot: Any, test_set: Any, client_of: Any) -> None:
    from chatsphere.apps.evaluation.actions import create_test_set

    empty = create_test_set(chatbot=chatbot, name="Empty")
    client = client_of(alice)
    assert client.post(f"/api/v1/test-sets/{empty.pk}/evaluations/").json()["error"]["type"] == "no_questions"
    path = f"/api/v1/test-sets/{test_set.pk}/evaluations/"
    assert client.post(path, {"version": 2**31}, format="json").status_code == 422
    answers = [client.post(path, {}, format="json").status_code for _ in range(5)]
    assert answers == [202, 202, 202, 202, 409]


def test_two_evaluations_are_compared_question_by_question(
    alice: Any, chatbot: Any, test_set: Any, client_of: Any, evaluated: Any
) -> None:
    first = evaluated(test_set)
    update_chatbot(
        workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, changes={"configuration": {"min_score": 1.0}}
    )
    second = evaluated(test_set, create_version(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk))

    shown = client_of(alice).get(f"/api/v1/evaluations/{second.pk}/comparison/").json()
    back = client_of(alice).get(f"/api/v1/evaluations/{first.pk}/comparison/?with={second.pk}").json()

    assert (shown["before"], shown["questions"], shown["improved"]) == (str(first.pk), 3, [])
    assert {each["question"] for each in shown["worse"]} == {
        "Where are the spare chargers kept?",
        "What is the office dog called?",
    }
    assert shown["measures"]["refusal_accuracy"] == {"before": 1.0, "after": 0.3333, "change": -0.6667}
    assert len(back["improved"]) == 2


def test_a_calibration_needs_questions_of_both_kinds_and_is_put_into_the_configuration(
    alice: Any, chatbot: Any, test_set: Any, client_of: Any, evaluated: Any
) -> None:
    client, evaluation = client_of(alice), evaluated(test_set)
    path = f"/api/v1/evaluations/{evaluation.pk}/calibration/"
    too_few = client.get(path)
    result = Result.objects.filter(evaluation=evaluation).order_by("id").first()
    assert result is not None
    for number in range(24):  # as if so many had been asked: every second without an answer, told apart by its coverage
        question = TestQuestion.objects.create(
            workspace_id=chatbot.workspace_id,
            test_set=test_set,
            key=new_id(),
            question=f"Question {number}?",
            expects="refusal" if number % 2 else "answer",
        )
        features = {**result.features, "coverage": 0.6 if number % 2 else 0.9}
        Result.objects.create(
            workspace_id=chatbot.workspace_id, evaluation=evaluation, question=question, score=1.0, is_refused=False,
            probability=0.9, features=features,
        )  # fmt: skip

    shown = client.get(path).json()
    client.post(path)

    assert too_few.json()["error"]["type"] == "too_few_questions"
    assert (shown["answerable"], shown["unanswerable"]) == (14, 12)
    assert shown["balanced_accuracy_after"] >= shown["balanced_accuracy_before"]
    configuration = client.get(f"/api/v1/chatbots/{chatbot.pk}/").json()["configuration"]
    assert configuration["refusal_weights"] == shown["weights"]
    again = client.patch(
        f"/api/v1/chatbots/{chatbot.pk}/", {"configuration": {"refusal_weights": {"x": 1}}}, format="json"
    )
    assert again.status_code == 422
