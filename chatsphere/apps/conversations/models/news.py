"""What readers of a conversation are told beside the answers: that a person wrote, took the conversation over, or gave it back."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key


class News(TenantChild):
    """``number`` counts from 1 in each conversation, without gaps: it is the id of the event in the conversation's stream."""

    class Kind(models.TextChoices):
        PERSON = "message.person"
        HANDED_OVER = "conversation.handoff"
        GIVEN_BACK = "conversation.returned"

    conversation = parent_key("conversations.Conversation")
    number = models.IntegerField()
    kind = models.CharField(max_length=30, choices=Kind.choices)
    message = models.ForeignKey(
        "conversations.Message",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            SameWorkspace(field="conversation", name="conversations_news_conversation_same_workspace"),
            SameWorkspace(field="message", name="conversations_news_message_same_workspace"),
            models.UniqueConstraint(fields=["conversation", "number"], name="conversations_news_once"),
        )
        indexes = (
            models.Index(
                fields=["message"], condition=models.Q(message__isnull=False), name="conversations_news_of_message"
            ),
        )
