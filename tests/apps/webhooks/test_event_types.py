"""GET /api/v1/webhooks/event-types/, and whether what is announced keeps to it."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chatsphere.apps.chatbots.actions import create_chatbot, create_version, delete_chatbot, publish_version
from chatsphere.apps.webhooks.catalogue import CATALOGUE
from chatsphere.apps.webhooks.models import Event
from chatsphere.apps.webhooks.sending import Message

CONTRACT = [
    "source.ready",
    "source.failed",
    "source.deleted",
    "chatbot.created",
    "chatbot.published",
    "chatbot.deleted",
    "conversation.started",
    "message.completed",
    "message.refused",
    "message.feedback",
    "quota.warning",
    "quota.exceeded",
    "webhook.test",
]


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_schema_is_one_and_its_example_keeps_to_it(name: str) -> None:
    kind = CATALOGUE[name]

    Draft202012Validator.check_schema(kind.schema())
    validator = Draft202012Validator(kind.schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)
    validator.validate(kind.message())
    assert not validator.is_valid({**kind.message(), "data": {}})


def test_the_contracts_types_are_all_there() -> None:
    assert set(CONTRACT) <= set(CATALOGUE)


@pytest.mark.django_db
def test_it_lists_them_with_schema_and_example(alice: Any, client_of: Any) -> None:
    answer = client_of(alice).get("/api/v1/webhooks/event-types/")

    assert answer.status_code == 200
    rows = {row["name"]: row for row in answer.json()}
    assert set(rows) == set(CATALOGUE)
    assert rows["source.ready"]["example"]["data"]["status"] == "ready"


@pytest.mark.django_db
def test_what_chatbots_announce_keeps_to_the_schemas(alice: Any) -> None:
    chatbot = create_chatbot(workspace_id=alice.default_workspace_id, name="Desk")
    ids = {"workspace_id": chatbot.workspace_id, "chatbot_id": chatbot.pk}
    create_version(**ids)
    publish_version(**ids, number=1)
    delete_chatbot(**ids)

    events = list(Event.objects.in_workspace(chatbot.workspace_id).order_by("id"))

    assert [event.type for event in events] == ["chatbot.created", "chatbot.published", "chatbot.deleted"]
    for event in events:
        validate(event)


def validate(event: Event) -> None:
    import json

    message = Message(event.pk, event.type, event.schema_version, event.occurred_at, event.data)
    Draft202012Validator(CATALOGUE[event.type].schema()).validate(json.loads(message.body()))
