"""GET /api/v1/conversations/?search=: conversations by the words of their messages."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.conversations.models import Conversation, Message

pytestmark = pytest.mark.django_db


def _said(person: Any, *texts: str) -> str:
    workspace = person.default_workspace
    chatbot = Chatbot.objects.get_or_create(workspace=workspace, name="Help", slug="help")[0]
    below: dict[str, Any] = {"workspace": workspace, "chatbot": chatbot}
    conversation = Conversation.objects.create(**below)
    for text in texts:
        Message.objects.create(**below, conversation=conversation, role="user", content=text)
    return str(conversation.pk)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("parcel", {"late", "lost"}),
        ("PARCEL late", {"late"}),
        ('"parcel is lost"', {"lost"}),
        ("parcel -late", {"lost"}),
        ("Größe", {"size"}),
        ("nothing", set()),
    ],
)
def test_conversations_are_found_by_words(
    words: str, found: set[str], alice: Any, charlie: Any, client_of: Any
) -> None:
    ids = {
        _said(alice, "Hello", "My parcel comes late, why?"): "late",
        _said(alice, "The parcel is lost."): "lost",
        _said(alice, "Welche Größe habe ich?"): "size",
        _said(charlie, "My parcel is late and lost."): "a stranger's",
    }
    answer = client_of(alice).get("/api/v1/conversations/", {"search": words})
    assert {ids[each["id"]] for each in answer.json()["results"]} == found
