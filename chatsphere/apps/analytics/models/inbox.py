"""Questions that were not answered well, grouped by what they mean."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from pgvector.django import HalfVectorField

from chatsphere.core.durable import DurableState, DurableWork
from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key, tenant_key


class QuestionCluster(TenantChild):
    """Questions of one meaning. ``question`` is the most central one; its id never changes, also when others are merged into it.

    ``rank`` orders by how often and how lately: log2 of the sum of 2^(days/14) over its questions, which time passing does not change.
    """

    class State(models.TextChoices):
        UNANSWERED = "unanswered"
        ANSWERED = "answered"
        DISMISSED = "dismissed"

    chatbot = parent_key("chatbots.Chatbot")
    state = models.CharField(max_length=10, choices=State.choices, default=State.UNANSWERED)
    question = models.TextField(blank=True)
    model = models.CharField(max_length=200, help_text="Whose vectors it lies among.")
    centroid = HalfVectorField()
    asked_count = models.IntegerField(default=0)
    first_asked_at = models.DateTimeField()
    last_asked_at = models.DateTimeField()
    rank = models.FloatField(default=0)
    is_stale = models.BooleanField(default=True, help_text="Its questions changed; count and name it again.")
    merged_into = models.UUIDField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    reopened_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("analytics_questioncluster"),
            SameWorkspace(field="chatbot", name="analytics_cluster_chatbot_same_workspace"),
        )
        indexes = (
            models.Index(fields=["workspace", "state", "-rank"], name="analytics_cluster_by_rank"),
            models.Index(fields=["chatbot"], name="analytics_cluster_of_chatbot"),
            models.Index(fields=["id"], condition=models.Q(is_stale=True), name="analytics_cluster_stale"),
        )


class UnansweredQuestion(TenantChild):
    """One question and the answer that was none. It goes with its conversation."""

    class Reason(models.TextChoices):
        REFUSED = "refused"
        LOW_SCORE = "low_score"
        FEEDBACK_DOWN = "feedback_down"
        HANDOFF = "handoff"

    chatbot = parent_key("chatbots.Chatbot", index=True)
    message = models.OneToOneField(
        "conversations.Message", on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    cluster = models.ForeignKey(
        QuestionCluster, on_delete=models.SET_NULL, null=True, blank=True, related_name="questions", db_constraint=False
    )
    text = models.TextField()
    reason = models.CharField(max_length=14, choices=Reason.choices)
    asked_at = models.DateTimeField()
    model = models.CharField(max_length=200, blank=True, help_text="Whose vector it has; empty: none yet.")
    vector = HalfVectorField(null=True, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            SameWorkspace(field="chatbot", name="analytics_unanswered_chatbot_same_workspace"),
            SameWorkspace(field="message", name="analytics_unanswered_message_same_workspace"),
            SameWorkspace(field="cluster", name="analytics_unanswered_cluster_same_workspace", on_delete="SET NULL"),
        )
        indexes = (
            models.Index(
                fields=["chatbot", "id"], condition=models.Q(cluster=None), name="analytics_unanswered_waiting"
            ),
        )


class AnswerWork(TenantChild, DurableWork):  # type: ignore[misc, unused-ignore]  # both bases bring a manager
    """Answering a cluster: the new source is trained, then the questions are asked again. ``results`` shows before and after."""

    cluster = parent_key("analytics.QuestionCluster", related_name="works", index=True)
    source_id = models.UUIDField()
    created_by = models.UUIDField(null=True, blank=True)
    results = models.JSONField(default=list)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (SameWorkspace(field="cluster", name="analytics_answerwork_cluster_same_workspace"),)
        indexes = (
            models.Index(
                fields=["available_at"],
                condition=models.Q(state__in=[DurableState.QUEUED, DurableState.RUNNING]),
                name="analytics_answerwork_open",
            ),
        )
