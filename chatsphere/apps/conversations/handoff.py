"""Over to a person and back: why, what it is about, what was said so far, and what the person writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.conversations.models import Conversation, Message, News
from chatsphere.apps.conversations.trail import record_deed
from chatsphere.apps.webhooks.actions import announce
from chatsphere.core.exceptions import Conflict, NotFound

TRANSCRIPT_MESSAGES = 20  # the latest
TRANSCRIPT_CHARACTERS = 1_000  # of each
SUMMARY_QUESTIONS = 3
ASKED = "asked for a person"  # the reason of visitors who give no other


@transaction.atomic
def hand_off(*, workspace_id: UUID, conversation_id: UUID, reason: str = "", summary: str = "") -> Conversation:
    """Give a conversation to a person: the chatbot answers no more until ``take_back``. Announces ``conversation.handoff`` with reason,
    summary and transcript. Without a summary one is made of the visitor's last questions. Repeating it changes nothing. Raises NotFound."""
    conversation = _locked(workspace_id, conversation_id)
    if conversation.state == Conversation.State.HANDOFF:
        return conversation
    transcript = transcript_of(conversation)
    conversation.state = Conversation.State.HANDOFF
    conversation.handoff_reason = reason
    conversation.handoff_summary = summary or _summary(transcript)
    conversation.handed_off_at = timezone.now()
    conversation.save(update_fields=["state", "handoff_reason", "handoff_summary", "handed_off_at"])
    _announce(
        conversation,
        "conversation.handoff",
        {
            "at": conversation.handed_off_at.isoformat(),
            "reason": conversation.handoff_reason,
            "summary": conversation.handoff_summary,
            "transcript": transcript,
        },
    )
    _note(conversation, News.Kind.HANDED_OVER)
    record_deed("conversation.handed_off", conversation)
    return conversation


@transaction.atomic
def take_back(*, workspace_id: UUID, conversation_id: UUID) -> Conversation:
    """Let the chatbot answer again; why and when it was handed over stays to be read. Announces ``conversation.returned``. Raises NotFound."""
    conversation = _locked(workspace_id, conversation_id)
    was_handed_off = conversation.state == Conversation.State.HANDOFF
    conversation.state = Conversation.State.BOT
    conversation.save(update_fields=["state"])
    if was_handed_off:
        _announce(conversation, "conversation.returned", {"at": timezone.now().isoformat()})
        _note(conversation, News.Kind.GIVEN_BACK)
        record_deed("conversation.taken_back", conversation)
    return conversation


@transaction.atomic
def write_as_person(*, workspace_id: UUID, conversation_id: UUID, author_id: UUID | None, content: str) -> Message:
    """A person's message in a conversation that was handed over. Announces ``message.person``; readers of the conversation's stream have it
    within a second. Raises NotFound, Conflict while the chatbot answers."""
    conversation = _locked(workspace_id, conversation_id)
    if conversation.state != Conversation.State.HANDOFF:
        raise Conflict(_("Hand this conversation over before a person writes in it."), type="not_handed_off")
    last = Message.objects.in_workspace(workspace_id).filter(conversation_id=conversation_id).order_by("-id").first()
    message: Message = Message.objects.create(
        workspace_id=workspace_id,
        chatbot_id=conversation.chatbot_id,
        conversation_id=conversation_id,
        parent_id=last.pk if last else None,
        role=Message.Role.AGENT,
        content=content,
        author_id=author_id,
    )
    Conversation.objects.filter(pk=conversation_id).update(
        messages_count=F("messages_count") + 1, last_message_at=timezone.now()
    )
    told = {"message_id": str(message.pk), "content": content, "at": message.created_at.isoformat()}
    _announce(conversation, "message.person", told, object_id=message.pk)
    _note(conversation, News.Kind.PERSON, message)
    return message


def transcript_of(conversation: Conversation) -> list[dict[str, Any]]:
    """The latest messages, oldest first, each cut to 1,000 characters. One query."""
    rows = Message.objects.in_workspace(conversation.workspace_id).filter(conversation_id=conversation.pk)
    found = rows.exclude(content="").order_by("-id").values("role", "content", "created_at")[:TRANSCRIPT_MESSAGES]
    return [
        {"role": row["role"], "content": row["content"][:TRANSCRIPT_CHARACTERS], "at": row["created_at"].isoformat()}
        for row in reversed(found)
    ]


def _note(conversation: Conversation, kind: str, message: Message | None = None) -> None:
    """The next event of the conversation's stream. The conversation is locked: numbers are given one after the other."""
    rows = News.objects.in_workspace(conversation.workspace_id).filter(conversation_id=conversation.pk)
    News.objects.create(
        workspace_id=conversation.workspace_id,
        conversation_id=conversation.pk,
        number=(rows.aggregate(last=Max("number"))["last"] or 0) + 1,
        kind=kind,
        message=message,
    )


def _announce(conversation: Conversation, kind: str, told: Mapping[str, Any], *, object_id: UUID | None = None) -> None:
    ids = {"conversation_id": str(conversation.pk), "chatbot_id": str(conversation.chatbot_id)}
    announce(
        workspace_id=conversation.workspace_id,
        type=kind,
        chatbot_id=conversation.chatbot_id,
        object_id=object_id or conversation.pk,
        payload={**ids, **told},
    )


def _summary(transcript: list[dict[str, Any]]) -> str:
    asked = [each["content"] for each in transcript if each["role"] == Message.Role.USER]
    return " / ".join(" ".join(text.split())[:200] for text in asked[-SUMMARY_QUESTIONS:])


def _locked(workspace_id: UUID, conversation_id: UUID) -> Conversation:
    rows = Conversation.objects.in_workspace(workspace_id).select_for_update()
    found: Conversation | None = rows.filter(pk=conversation_id).first()
    if found is None:
        raise NotFound
    return found
