"""Evaluations: a version of a chatbot asked the questions of a test set; and the writing of questions from its sources."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from chatsphere.apps.evaluation.models.test_set import OfChatbotQuerySet
from chatsphere.core.durable import DurableState, DurableWork
from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key, tenant_key

OPEN = models.Q(state__in=[DurableState.QUEUED, DurableState.RUNNING])


class Evaluation(TenantChild, DurableWork):  # type: ignore[misc, unused-ignore]  # both bases bring a manager
    """``configuration`` is what was evaluated, frozen; ``version`` its number (None: the configuration as it stood, unpublished)."""

    chatbot = parent_key("chatbots.Chatbot")
    test_set = parent_key("evaluation.TestSet", related_name="evaluations")
    revision = models.IntegerField(help_text="Of the test set.")
    version = models.IntegerField(null=True, blank=True)
    configuration = models.JSONField()
    embedding_model = models.CharField(max_length=100, blank=True)
    knowledge_version = models.BigIntegerField(default=0)
    questions_count = models.IntegerField(default=0)
    done_count = models.IntegerField(default=0)
    summary = models.JSONField(default=dict)
    requested_by = models.UUIDField(null=True, blank=True)
    api_key_id = models.UUIDField(null=True, blank=True)

    objects: ClassVar[Any] = OfChatbotQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("evaluation_evaluation"),
            SameWorkspace(field="chatbot", name="evaluation_evaluation_chatbot_same_workspace"),
            SameWorkspace(field="test_set", name="evaluation_evaluation_set_same_workspace"),
        )
        indexes = (
            models.Index(fields=["test_set", "-id"], name="evaluation_by_test_set"),
            models.Index(fields=["chatbot"], name="evaluation_by_chatbot"),
            models.Index(fields=["available_at"], condition=OPEN, name="evaluation_open"),
        )


class Result(TenantChild):
    """One question of an evaluation: what was answered, and how good that was (``score``, 0 to 1)."""

    evaluation = parent_key("evaluation.Evaluation", related_name="results")
    question = parent_key("evaluation.TestQuestion", index=True)
    score = models.FloatField()
    is_refused = models.BooleanField()
    rank = models.IntegerField(null=True, blank=True, help_text="Of the first expected passage among those found.")
    has_passages = models.BooleanField(default=False, help_text="Whether a rank could be measured at all.")
    contained = models.BooleanField(null=True, blank=True, help_text="An accepted answer stands in the answer.")
    f1 = models.FloatField(null=True, blank=True)
    statements = models.IntegerField(default=0, help_text="Cited statements.")
    supported = models.IntegerField(default=0, help_text="Those that their passage bears out.")
    finish_reason = models.CharField(max_length=30, blank=True)
    probability = models.FloatField(null=True, blank=True, help_text="Of the refusal decision.")
    features = models.JSONField(default=dict, help_text="What the refusal decision looked at.")
    answer = models.TextField(blank=True)
    citations = models.JSONField(default=list)
    model = models.CharField(max_length=100, blank=True)
    prompt_tokens = models.IntegerField(default=0)
    completion_tokens = models.IntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)
    latency_ms = models.IntegerField(default=0)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            SameWorkspace(field="evaluation", name="evaluation_result_same_workspace"),
            SameWorkspace(field="question", name="evaluation_result_question_same_workspace"),
            models.UniqueConstraint(fields=["evaluation", "question"], name="evaluation_result_once"),
        )


class Generation(TenantChild, DurableWork):  # type: ignore[misc, unused-ignore]  # both bases bring a manager
    """Writes up to ``wanted`` questions for a test set from the chatbot's own content."""

    chatbot = parent_key("chatbots.Chatbot", index=True)
    test_set = parent_key("evaluation.TestSet", related_name="generations")
    wanted = models.IntegerField()
    with_model = models.BooleanField(default=False)
    written_count = models.IntegerField(default=0)
    requested_by = models.UUIDField(null=True, blank=True)

    objects: ClassVar[Any] = OfChatbotQuerySet.as_manager()

    class Meta:
        constraints = (
            SameWorkspace(field="chatbot", name="evaluation_generation_chatbot_same_workspace"),
            SameWorkspace(field="test_set", name="evaluation_generation_set_same_workspace"),
            models.UniqueConstraint(fields=["test_set"], condition=OPEN, name="evaluation_generation_one_open"),
        )
        indexes = (models.Index(fields=["available_at"], condition=OPEN, name="evaluation_generation_open"),)
