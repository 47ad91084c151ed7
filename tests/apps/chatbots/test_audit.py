"""What is done to a chatbot leaves a line in the audit trail."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.chatbots.actions import restore_chatbot
from chatsphere.apps.users.models import AuditEvent

pytestmark = pytest.mark.django_db


def test_publishing_deleting_and_restoring_are_noted(alice: Any, alices_chatbot: Any, client_of: Any, url: Any) -> None:
    client = client_of(alice)
    client.post(url(alices_chatbot, "versions/"))
    client.post(url(alices_chatbot, "versions/1/publish/"))
    client.delete(url(alices_chatbot))
    restore_chatbot(chatbot_id=alices_chatbot.pk)

    lines = AuditEvent.objects.filter(object_id=str(alices_chatbot.pk)).order_by("id")
    assert [(line.action, line.actor_id) for line in lines] == [
        ("chatbot.created", None),
        ("chatbot.version_created", alice.pk),
        ("chatbot.published", alice.pk),
        ("chatbot.deleted", alice.pk),
        ("chatbot.restored", None),
    ]
