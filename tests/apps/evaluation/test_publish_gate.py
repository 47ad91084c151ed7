"""A version that got worse is not published."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chatsphere.apps.chatbots.actions import create_version, publish_version, update_chatbot
from chatsphere.apps.evaluation import worker
from chatsphere.apps.evaluation.models import Evaluation
from chatsphere.apps.training.actions import delete_sources
from chatsphere.apps.training.models import TrainingSource

pytestmark = pytest.mark.django_db(transaction=True)


def version_with(chatbot: Any, **configuration: Any) -> Any:
    update_chatbot(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, changes={"configuration": configuration})
    return create_version(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk)


def work_all() -> None:
    for pk in Evaluation.objects.filter(state="queued").values_list("pk", flat=True):
        worker.work(str(pk), ends_at=time.monotonic() + 60)


@pytest.fixture
def gated(alice: Any, chatbot: Any, test_set: Any, client_of: Any) -> Any:
    """Alice's client; version 1 answers, the gate stands."""
    version_with(chatbot, top_k=6)
    publish_version(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, number=1)
    client = client_of(alice)
    body = {"test_set": str(test_set.pk), "tolerance": 0.01}
    assert client.put(f"/api/v1/chatbots/{chatbot.pk}/publish-gate/", body, format="json").json() == body
    return client


def publish(client: Any, chatbot: Any, number: int, verb: str = "publish") -> Any:
    return client.post(f"/api/v1/chatbots/{chatbot.pk}/versions/{number}/{verb}/")


def test_a_missing_evaluation_is_started_and_told(gated: Any, chatbot: Any) -> None:
    version_with(chatbot, top_k=5)

    first, second = publish(gated, chatbot, 2), publish(gated, chatbot, 2)
    work_all()

    assert (first.status_code, first.json()["error"]["type"]) == (409, "evaluation_required")
    assert first.json()["error"]["details"] == second.json()["error"]["details"]
    assert [each["version"] for each in first.json()["error"]["details"]["evaluations"]] == [1, 2]
    assert publish(gated, chatbot, 2).status_code == 200


def test_a_version_that_got_worse_is_refused_with_what_got_worse(gated: Any, chatbot: Any) -> None:
    version_with(chatbot, min_score=1.0)
    publish(gated, chatbot, 2)
    work_all()

    refused = publish(gated, chatbot, 2)

    error = refused.json()["error"]
    assert (refused.status_code, error["type"]) == (409, "version_got_worse")
    assert "refusal_accuracy" in [each["measure"] for each in error["details"]["measures"]]
    assert len(error["details"]["worse"]) == 2
    assert gated.get(f"/api/v1/chatbots/{chatbot.pk}/").json()["published_version"] == 1


def test_rolling_back_is_never_refused(gated: Any, chatbot: Any) -> None:
    version_with(chatbot, min_score=1.0)

    assert publish(gated, chatbot, 2, "rollback").status_code == 200


def test_without_a_gate_nothing_is_asked(gated: Any, chatbot: Any) -> None:
    version_with(chatbot, min_score=1.0)
    gated.put(f"/api/v1/chatbots/{chatbot.pk}/publish-gate/", {"test_set": None}, format="json")

    assert publish(gated, chatbot, 2).status_code == 200
    assert not Evaluation.objects.exists()


def test_the_set_of_a_gate_is_not_deleted_and_a_foreign_one_not_taken(
    gated: Any, chatbot: Any, test_set: Any, charlie: Any
) -> None:
    from chatsphere.apps.chatbots.actions import create_chatbot
    from chatsphere.apps.evaluation.actions import create_test_set

    foreign = create_test_set(chatbot=create_chatbot(workspace_id=charlie.default_workspace_id, name="x"), name="x")

    assert gated.delete(f"/api/v1/test-sets/{test_set.pk}/").status_code == 409
    answer = gated.put(f"/api/v1/chatbots/{chatbot.pk}/publish-gate/", {"test_set": str(foreign.pk)}, format="json")
    assert answer.status_code == 422


def forget_chargers(chatbot: Any) -> None:
    """What the chatbot knew of chargers goes: today's content does not answer that question any more."""
    ids = TrainingSource.objects.filter(chatbot=chatbot).values_list("pk", flat=True)
    delete_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=list(ids))


def test_a_change_of_the_content_is_no_fault_of_the_version(gated: Any, chatbot: Any) -> None:
    version_with(chatbot, top_k=5)
    publish(gated, chatbot, 2)
    work_all()
    assert publish(gated, chatbot, 2).status_code == 200
    forget_chargers(chatbot)
    version_with(chatbot, top_k=5)

    first = publish(gated, chatbot, 3)
    work_all()

    assert first.json()["error"]["type"] == "evaluation_required"
    assert [each["version"] for each in first.json()["error"]["details"]["evaluations"]] == [2, 3]
    assert "version 2 / 3" in first.json()["error"]["message"]
    assert publish(gated, chatbot, 3).status_code == 200  # both do badly now


def test_a_good_evaluation_of_earlier_content_opens_no_gate(gated: Any, chatbot: Any) -> None:
    version_with(chatbot, top_k=5)
    publish(gated, chatbot, 2)
    work_all()
    type(chatbot).objects.filter(pk=chatbot.pk).update(knowledge_version=chatbot.knowledge_version + 1_000)

    assert publish(gated, chatbot, 2).json()["error"]["type"] == "evaluation_required"
    assert Evaluation.objects.filter(state="queued").count() == 2
