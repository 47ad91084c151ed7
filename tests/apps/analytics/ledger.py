"""Lines of the ledger as turns write them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.conversations.models import Conversation, Feedback, Message, Visitor
from chatsphere.apps.users.ledger import Usage, record_usage
from chatsphere.apps.users.models import Workspace
from chatsphere.core.identifiers import new_id


def make_workspace(time_zone: str = "UTC") -> Any:
    """A workspace of somebody, in a time zone."""
    return Workspace.objects.create(name="Acme", time_zone=time_zone)


def make_bot(workspace: Any, name: str = "Help") -> Chatbot:
    bot: Chatbot = Chatbot.objects.create(workspace=workspace, name=name, slug=f"help-{new_id().hex}")
    return bot


def book(workspace: Any, at: datetime, **values: Any) -> None:
    """One answer's line of the ledger."""
    defaults: dict[str, Any] = {"kind": "chat", "finish_reason": "stop", "channel": "api", "model": "extractive"}
    usage = {**defaults, "request_key": f"chat:{values.get('message_id') or new_id()}", **values}
    record_usage(Usage(workspace_id=workspace.pk, occurred_at=at, **usage))


def ask(
    bot: Chatbot,
    text: str,
    at: datetime,
    *,
    finish_reason: str = "refused_no_context",
    visitor: Visitor | None = None,
    **values: Any,
) -> Message:
    """A question and its answer, in a conversation of its own, with its line of the ledger. Returns the answer."""
    below: dict[str, Any] = {"workspace_id": bot.workspace_id, "chatbot": bot}
    conversation = Conversation.objects.create(**below, visitor=visitor)
    question = Message.objects.create(**below, conversation=conversation, role="user", content=text)
    answer: Message = Message.objects.create(
        **below,
        conversation=conversation,
        parent=question,
        role="assistant",
        content="I don't know.",
        finish_reason=finish_reason,
        **values,
    )
    Message.objects.filter(pk=answer.pk).update(created_at=at)
    book(
        bot.workspace, at, chatbot_id=bot.pk, conversation_id=conversation.pk, message_id=answer.pk,
        finish_reason=finish_reason, visitor_id=visitor.pk if visitor else None,
    )  # fmt: skip
    return answer


def rate(answer: Message, rating: str) -> None:
    """Somebody's opinion of an answer."""
    Feedback.objects.update_or_create(message=answer, defaults={"rating": rating, "workspace_id": answer.workspace_id})
