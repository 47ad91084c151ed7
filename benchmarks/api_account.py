"""An account for bench-api: a workspace with 60 chatbots, 400 chunks, sources and conversations; a person's token and a key."""

from __future__ import annotations

import json
from typing import Any

import django

from benchmarks.chat_account import _account

CHATBOTS = 60
CONVERSATIONS = 40


def main() -> None:
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps(_filled()))


def _filled() -> dict[str, str]:
    from chatsphere.apps.chatbots.models import Chatbot
    from chatsphere.apps.training.models import TrainingSource
    from chatsphere.apps.users.actions import create_key, open_session
    from chatsphere.apps.users.models import User
    from chatsphere.apps.users.scopes import SCOPES

    account = _account()
    chatbot = Chatbot.objects.get(pk=account["chatbot"])
    workspace_id: Any = chatbot.workspace_id
    person = User.objects.get(default_workspace_id=workspace_id)
    key = create_key(workspace_id=workspace_id, created_by=person.pk, name="all", scopes=list(SCOPES))
    for number in range(CHATBOTS):
        configuration = {"welcome_message": "Hello!", "top_k": 5, "suggested_questions": ["What?", "Why?"]}
        Chatbot.objects.create(
            workspace_id=workspace_id, name=f"Chatbot {number}", slug=f"bot-{number}", configuration=configuration
        )
    below = {"workspace_id": workspace_id, "chatbot": chatbot}
    for number in range(CHATBOTS):
        TrainingSource.objects.create(**below, source_type="text", name=f"Source {number}", status="ready")
    return {
        **account,
        **_talks(below),
        "key": key.secret,
        "access": open_session(user=person).access,
        "workspace": str(workspace_id),
        "user": str(person.pk),
        "source": str(TrainingSource.objects.filter(chatbot=chatbot).latest("id").pk),
    }


def _talks(below: dict[str, Any]) -> dict[str, str]:
    from chatsphere.apps.conversations.models import Conversation, Message

    for _number in range(CONVERSATIONS):
        conversation = Conversation.objects.create(**below)
        for role in ("user", "assistant") * 3:
            Message.objects.create(
                **below, conversation=conversation, role=role, content="Herons live on shelf 17. " * 4
            )
    return {"conversation": str(conversation.pk)}


if __name__ == "__main__":
    main()
