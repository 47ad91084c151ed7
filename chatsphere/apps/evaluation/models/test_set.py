"""Test sets: questions with what is expected of their answers."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.db import models

from chatsphere.core.principal import Principal
from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key, tenant_key


class OfChatbotQuerySet(WorkspaceQuerySet):
    """Rows below a chatbot."""

    def visible_to(self, principal: Principal) -> Self:
        """Those of living chatbots of the principal's workspace; a key that is bound to some sees only theirs."""
        rows = self.in_workspace(principal.workspace_id).filter(chatbot__deleted_at=None)
        return rows if principal.chatbot_ids is None else rows.filter(chatbot_id__in=principal.chatbot_ids)


class TestSet(TenantChild):
    """``revision`` rises with every edit of its questions, so that an evaluation can name what it asked."""

    __test__ = False  # for pytest: no test class

    chatbot = parent_key("chatbots.Chatbot")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    revision = models.IntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = OfChatbotQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("evaluation_testset"),
            SameWorkspace(field="chatbot", name="evaluation_testset_same_workspace"),
            models.UniqueConstraint(fields=["chatbot", "name"], name="evaluation_testset_name_once"),
        )

    def __str__(self) -> str:
        return self.name


class TestQuestion(TenantChild):
    """One question as it stood from revision ``since`` until before ``until`` (None: now). An edit closes a row and opens another
    with the same ``key``."""

    __test__ = False

    class Expects(models.TextChoices):
        ANSWER = "answer"
        REFUSAL = "refusal"

    class Origin(models.TextChoices):
        WRITTEN = "written"
        IMPORTED = "imported"
        GENERATED = "generated"

    test_set = parent_key("evaluation.TestSet", related_name="questions")
    key = models.UUIDField(help_text="The question through all its edits.")
    question = models.TextField()
    expects = models.CharField(max_length=10, choices=Expects.choices, default=Expects.ANSWER)
    answers = models.JSONField(default=list, help_text="Accepted answers; one is enough.")
    passages = models.JSONField(default=list, help_text="Where the answer stands: source_id, document_id or quote.")
    history = models.JSONField(default=list, help_text="Earlier messages, for a follow-up question.")
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.WRITTEN)
    since = models.IntegerField(default=1)
    until = models.IntegerField(null=True, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("evaluation_testquestion"),
            SameWorkspace(field="test_set", name="evaluation_testquestion_same_workspace"),
            models.UniqueConstraint(
                fields=["test_set", "key"],
                condition=models.Q(until=None),
                name="evaluation_testquestion_one_now",
            ),
        )
        indexes = (models.Index(fields=["test_set", "id"], name="evaluation_question_in_order"),)


class PublishGate(TenantChild):
    """A chatbot with a gate publishes no version that does worse on ``test_set`` than the one that answers, by more than ``tolerance``."""

    chatbot = models.OneToOneField("chatbots.Chatbot", on_delete=models.CASCADE, related_name="+", db_constraint=False)
    test_set = parent_key("evaluation.TestSet", index=True)
    tolerance = models.FloatField(default=0.0, help_text="How much a measure may fall, as a share: 0.02 is two points.")
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = OfChatbotQuerySet.as_manager()

    class Meta:
        constraints = (
            SameWorkspace(field="chatbot", name="evaluation_gate_same_workspace"),
            SameWorkspace(field="test_set", name="evaluation_gate_set_same_workspace"),
            models.CheckConstraint(
                condition=models.Q(tolerance__gte=0, tolerance__lte=1), name="evaluation_gate_tolerance"
            ),
        )
