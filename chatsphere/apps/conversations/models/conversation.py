"""Visitors and their conversations."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key, tenant_key


class Visitor(TenantChild):
    """Somebody who asks a chatbot, as the customer knows them. ``is_verified``: the customer's server said who they are.

    What a page in a browser merely claims is another visitor, even under the same ``external_id``: nobody slips into somebody's history.
    """

    chatbot = parent_key("chatbots.Chatbot")
    external_id = models.CharField(max_length=200)
    name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(blank=True)
    attributes = models.JSONField(default=dict)
    is_verified = models.BooleanField(default=False)
    last_seen_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("conversations_visitor"),
            SameWorkspace(field="chatbot", name="conversations_visitor_same_workspace"),
            models.UniqueConstraint(
                fields=["chatbot", "external_id", "is_verified"], name="conversations_visitor_once_each"
            ),
        )


class Conversation(TenantChild):
    """Messages between a visitor, the chatbot and perhaps a person (``agent``)."""

    class State(models.TextChoices):
        BOT = "bot"
        HANDOFF = "handoff"
        CLOSED = "closed"

    class Channel(models.TextChoices):
        API = "api"
        WIDGET = "widget"
        CONSOLE = "console"
        OPENAI = "openai"
        MCP = "mcp"
        CLI = "cli"
        EVALUATION = "evaluation"

    chatbot = parent_key("chatbots.Chatbot", related_name="conversations")
    visitor = models.ForeignKey(
        Visitor,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="conversations",
        db_constraint=False,
        db_index=False,
    )
    channel = models.CharField(max_length=12, choices=Channel.choices, default=Channel.API)
    state = models.CharField(max_length=10, choices=State.choices, default=State.BOT)
    title = models.CharField(max_length=200, blank=True)
    user_id = models.UUIDField(null=True, blank=True, help_text="The person whose token started it.")
    api_key_id = models.UUIDField(null=True, blank=True)
    messages_count = models.IntegerField(default=0)
    handoff_reason = models.CharField(max_length=40, blank=True, db_default="", help_text="Why a person was asked for.")
    handoff_summary = models.TextField(blank=True, db_default="", help_text="What it is about, for that person.")
    handed_off_at = models.DateTimeField(null=True, blank=True)
    memory = models.TextField(blank=True, db_default="", help_text="Older turns in short, written by the chat model.")
    memory_until = models.UUIDField(null=True, blank=True, help_text="The last message that the memory holds.")
    last_message_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("conversations_conversation"),
            SameWorkspace(field="chatbot", name="conversations_conversation_chatbot_same_workspace"),
            SameWorkspace(
                field="visitor", name="conversations_conversation_visitor_same_workspace", on_delete="SET NULL"
            ),
        )
        indexes = (
            models.Index(fields=["workspace", "-created_at"], name="conversations_by_workspace"),
            models.Index(fields=["chatbot", "-created_at"], name="conversations_by_chatbot"),
            models.Index(fields=["visitor"], name="conversations_by_visitor"),
        )
