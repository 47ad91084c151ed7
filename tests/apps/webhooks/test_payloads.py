"""Every event type, caused for real: what endpoints are told keeps to its schema, and names ids the same way everywhere."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from jsonschema import Draft202012Validator

from chatsphere.apps.chatbots.actions import (
    create_chatbot,
    create_version,
    delete_chatbot,
    publish_version,
    update_chatbot,
)
from chatsphere.apps.training import retrain_worker
from chatsphere.apps.training.actions import delete_sources
from chatsphere.apps.training.retraining import start_retraining
from chatsphere.apps.users import quota
from chatsphere.apps.users.quota import Amount, Metric
from chatsphere.apps.webhooks.actions import create_endpoint, send_test
from chatsphere.apps.webhooks.catalogue import CATALOGUE
from chatsphere.apps.webhooks.models import Event
from chatsphere.apps.webhooks.sending import Message
from chatsphere.core import durable, engines
from chatsphere.core.identifiers import new_id
from tests.apps.conversations import world
from tests.apps.training import world as training

pytestmark = pytest.mark.django_db(transaction=True)


def _caused(workspace_id: Any) -> dict[str, dict[str, Any]]:
    """The last event of each type, as endpoints are told; each one has been validated."""
    told = {}
    for event in Event.objects.in_workspace(workspace_id).order_by("id"):
        message = Message(event.pk, event.type, event.schema_version, event.occurred_at, event.data)
        body = json.loads(message.body())
        checker = Draft202012Validator.FORMAT_CHECKER
        Draft202012Validator(CATALOGUE[event.type].schema(), format_checker=checker).validate(body)
        assert body["data"].get("id") == (str(event.object_id) if event.object_id else None)
        told[event.type] = body["data"]
    return told


def test_what_chatbots_and_sources_announce(alice: Any) -> None:
    workspace_id = alice.default_workspace_id
    chatbot = create_chatbot(workspace_id=workspace_id, name="Desk")
    ids = {"workspace_id": workspace_id, "chatbot_id": chatbot.pk}
    create_version(**ids)
    publish_version(**ids, number=1)
    source = training.trained(chatbot)
    training.make_source(chatbot, " \n ")
    training.work()
    delete_sources(**ids, source_ids=[source.pk])
    delete_chatbot(**ids)

    told = _caused(workspace_id)

    assert set(told) == {
        "chatbot.created", "chatbot.published", "chatbot.deleted", "source.ready", "source.failed", "source.deleted",
    }  # fmt: skip
    assert {data["chatbot_id"] for data in told.values()} == {str(chatbot.pk)}
    assert told["source.ready"]["id"] == told["source.deleted"]["id"] == str(source.pk)
    assert told["chatbot.created"]["id"] == str(chatbot.pk)


def test_what_retrainings_announce(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrain_worker, "GRACE_SECONDS", 0.0)
    chatbot = create_chatbot(workspace_id=alice.default_workspace_id, name="Desk")
    ids = {"workspace_id": alice.default_workspace_id, "chatbot_id": chatbot.pk}
    training.trained(chatbot)
    update_chatbot(**ids, changes={"configuration": {"embedding_model": "hashing:128"}})
    done = start_retraining(**ids)
    while retrain_worker.work(done.pk):
        pass
    update_chatbot(**ids, changes={"configuration": {"embedding_model": "hashing:64"}})
    lost = start_retraining(**ids)
    long_ago = timezone.now() - timedelta(hours=1)
    crashes = durable.MAX_CRASHES - 1
    type(lost).objects.filter(pk=lost.pk).update(state="running", lease_until=long_ago, crashes=crashes)
    retrain_worker.wake()

    told = _caused(alice.default_workspace_id)

    assert told["retraining.completed"]["id"] == str(done.pk)
    assert told["retraining.completed"]["to_model"] == "hashing:128"
    assert told["retraining.completed"]["chunks_embedded"] > 0
    assert told["retraining.failed"]["id"] == str(lost.pk)
    assert told["retraining.failed"]["is_switched"] is False
    assert told["retraining.failed"]["error"]["type"] == "crashed"


async def test_what_conversations_announce(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engines.forget()
    scripted = world.ScriptedModel()
    monkeypatch.setattr(engines, "chat_model", lambda name="": scripted)
    caller = world.Caller(await sync_to_async(_token)(alice))
    chatbot = await sync_to_async(world.make_chatbot)(alice.default_workspace)
    answer = (await caller.ask(chatbot)).json()
    refused = (await caller.ask(chatbot, "Which river flows through Vientiane?")).json()
    assert refused["message"]["finish_reason"] == "refused_no_context"
    await caller.post(f"/api/v1/messages/{answer['message']['id']}/feedback/", {"rating": "down", "comment": "Old."})
    path = f"/api/v1/conversations/{answer['conversation_id']}/"
    await caller.post(f"{path}handoff/")
    person = (await caller.post(f"{path}messages/", {"content": "Ada here."})).json()
    await caller.post(f"{path}return/")

    told = await sync_to_async(_caused)(alice.default_workspace_id)
    await world.close_process()
    engines.forget()

    assert set(told) == {
        "conversation.started", "conversation.handoff", "conversation.returned", "message.person", "message.completed",
        "message.refused", "message.feedback",
    }  # fmt: skip
    assert {data["chatbot_id"] for data in told.values()} == {str(chatbot.pk)}
    assert told["message.completed"]["id"] == told["message.feedback"]["id"] == answer["message"]["id"]
    assert told["conversation.handoff"]["id"] == told["conversation.returned"]["id"] == answer["conversation_id"]
    assert (told["message.person"]["id"], told["message.person"]["content"]) == (person["id"], "Ada here.")


def _token(person: Any) -> str:
    from chatsphere.apps.users.actions import open_session

    token: str = open_session(user=person).access
    return token


def test_what_evaluations_announce(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from chatsphere.apps.evaluation import worker
    from chatsphere.apps.evaluation.actions import add_questions, create_test_set, start_evaluation

    engines.forget()
    scripted = world.ScriptedModel()
    monkeypatch.setattr(engines, "chat_model", lambda name="": scripted)
    chatbot = world.make_chatbot(alice.default_workspace)
    test_set = create_test_set(chatbot=chatbot, name="Basics")
    question = {"question": "Where are the spare chargers kept?", "answers": ["locker B-17"]}
    add_questions(test_set=test_set, questions=[question], origin="written")
    evaluation = start_evaluation(test_set=test_set, version=None)
    while worker.work(str(evaluation.pk), ends_at=time.monotonic() + 60):
        pass
    engines.forget()

    told = _caused(alice.default_workspace_id)["evaluation.completed"]

    assert told["id"] == told["evaluation_id"] == str(evaluation.pk)
    assert told["chatbot_id"] == str(chatbot.pk)


def test_what_quotas_announce(alice: Any) -> None:
    workspace = alice.default_workspace
    workspace.usage_limit = 10
    workspace.save()
    for number in (8, 2):
        quota.reserve(workspace_id=workspace.pk, request_key=str(new_id()), amounts=[Amount(Metric.MESSAGES, number)])

    told = _caused(workspace.pk)

    assert {name: (data["percent"], data["used"]) for name, data in told.items()} == {
        "quota.warning": (80, 8),
        "quota.exceeded": (100, 10),
    }


def test_a_test_event(alice: Any) -> None:
    endpoint = create_endpoint(workspace_id=alice.default_workspace_id, url="https://example.com/", events=["*"])
    send_test(workspace_id=alice.default_workspace_id, endpoint_id=endpoint.pk)

    assert _caused(alice.default_workspace_id)["webhook.test"]["id"] == str(endpoint.pk)


def test_no_event_type_is_left_out_here() -> None:
    here = (
        "chatbot.created chatbot.published chatbot.deleted source.ready source.failed source.deleted conversation.started "
        "conversation.handoff conversation.returned message.person message.completed message.refused message.feedback evaluation.completed quota.warning quota.exceeded "
        "webhook.test retraining.completed retraining.failed"
    )
    assert set(here.split()) == set(CATALOGUE)
