"""Chunks that look as if they gave orders to a model: held back until somebody has read them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from chatsphere.core.principal import Principal
from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key


class QuarantineQuerySet(WorkspaceQuerySet):
    def visible_to(self, principal: Principal) -> models.QuerySet[Any]:
        """Those of living chatbots of the principal's workspace; a key that is bound to some sees only theirs."""
        rows = self.in_workspace(principal.workspace_id).filter(chatbot__deleted_at=None)
        return rows if principal.chatbot_ids is None else rows.filter(chatbot_id__in=principal.chatbot_ids)


class QuarantinedChunk(TenantChild):
    """``pattern`` names what was found. A held chunk is found by no search and reaches no model; a released one is a chunk like any other."""

    class State(models.TextChoices):
        HELD = "held"
        RELEASED = "released"

    chatbot = parent_key("chatbots.Chatbot")
    chunk = models.OneToOneField(
        "training.ChunkText", on_delete=models.CASCADE, related_name="quarantine", db_constraint=False
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.HELD)
    pattern = models.CharField(max_length=40)
    excerpt = models.TextField()
    decided_by = models.UUIDField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = QuarantineQuerySet.as_manager()

    class Meta:
        constraints = (
            SameWorkspace(field="chatbot", name="training_quarantine_chatbot_same_workspace"),
            SameWorkspace(field="chunk", name="training_quarantine_chunk_same_workspace"),
        )
        indexes = (models.Index(fields=["chatbot", "state"], name="training_quarantine_by_chatbot"),)
