"""Messages, the citations under them, what people thought of them, and how an answer came about."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models

from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key, tenant_key


class Message(TenantChild):
    """``parent`` is the message this one follows: edits and regenerated answers are branches.

    An answer is ``pending`` until its run writes the end; ``lease_until`` tells the sweep when that run must be dead.
    """

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"
        AGENT = "agent"

    class State(models.TextChoices):
        PENDING = "pending"
        COMPLETE = "complete"
        CANCELLED = "cancelled"
        FAILED = "failed"

    conversation = parent_key("conversations.Conversation", related_name="messages")
    chatbot = parent_key("chatbots.Chatbot", index=True)
    parent = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replies", db_constraint=False
    )
    role = models.CharField(max_length=10, choices=Role.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.COMPLETE)
    content = models.TextField(blank=True)
    finish_reason = models.CharField(max_length=30, blank=True)
    grounded = models.BooleanField(null=True, blank=True)
    unsupported = models.JSONField(
        default=list, help_text="Sentences of the answer that their passages do not bear out."
    )
    error_type = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    model = models.CharField(max_length=100, blank=True)
    version = models.IntegerField(null=True, blank=True, help_text="The chatbot's version that answered.")
    prompt_tokens = models.IntegerField(default=0)
    completion_tokens = models.IntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="USD")
    latency_ms = models.IntegerField(null=True, blank=True)
    first_token_ms = models.IntegerField(null=True, blank=True)
    author_id = models.UUIDField(null=True, blank=True, help_text="The person behind an agent's message.")
    lease_until = models.DateTimeField(null=True, blank=True)
    is_cancel_requested = models.BooleanField(
        default=False, db_default=False, help_text="Its run reads this every second."
    )
    last_event = models.IntegerField(null=True, blank=True, help_text="Number of the last event of its stream.")

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("conversations_message"),
            SameWorkspace(field="conversation", name="conversations_message_conversation_same_workspace"),
            SameWorkspace(field="chatbot", name="conversations_message_chatbot_same_workspace"),
            SameWorkspace(field="parent", name="conversations_message_parent_same_workspace", on_delete="SET NULL"),
        )
        indexes = (
            models.Index(fields=["conversation", "id"], name="conversations_message_in_order"),
            models.Index(
                fields=["lease_until"], condition=models.Q(state="pending"), name="conversations_message_pending"
            ),
            GinIndex(
                SearchVector(
                    "content", config="simple"
                ),  # as the filter of conversations asks; not while an answer grows
                condition=models.Q(state="complete"),
                name="conversations_message_words",
            ),
        )


class Citation(TenantChild):
    """``quote`` stood verbatim in the document at ``[char_start, char_end)`` when it was cited. Ids are plain: what was cited may go."""

    message = parent_key("conversations.Message", related_name="citations")
    index = models.SmallIntegerField()
    source_id = models.UUIDField()
    document_id = models.UUIDField()
    chunk_id = models.UUIDField()
    title = models.CharField(max_length=500, blank=True)
    url = models.TextField(blank=True)
    page = models.IntegerField(null=True, blank=True)
    quote = models.TextField()
    quotes = models.JSONField(default=list, db_default=[], help_text="All quotes of the passage, the first included.")
    char_start = models.IntegerField()
    char_end = models.IntegerField()

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            SameWorkspace(field="message", name="conversations_citation_same_workspace"),
            models.UniqueConstraint(fields=["message", "index"], name="conversations_citation_once"),
        )
        indexes = (models.Index(fields=["workspace", "source_id"], name="conversations_citation_source"),)


class Feedback(TenantChild):
    class Rating(models.TextChoices):
        UP = "up"
        DOWN = "down"

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="feedback", db_constraint=False)
    rating = models.CharField(max_length=4, choices=Rating.choices)
    comment = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (SameWorkspace(field="message", name="conversations_feedback_same_workspace"),)


class Trace(TenantChild):
    """How an answer came about: rewritten question, candidates with every score, decision, prompt, timings."""

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="trace", db_constraint=False)
    data = models.JSONField()

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (SameWorkspace(field="message", name="conversations_trace_same_workspace"),)
