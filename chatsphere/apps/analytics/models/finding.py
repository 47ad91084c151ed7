"""What was found about the content of a chatbot."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key


class Finding(TenantChild):
    """A pair of passages, or a source, that an editor should look at. All findings of a kind are replaced at once by the next look."""

    class Kind(models.TextChoices):
        NEAR_DUPLICATE = "near_duplicate"
        CONTRADICTION = "contradiction"
        CHANGED_AT_ORIGIN = "changed_at_origin"

    chatbot = parent_key("chatbots.Chatbot")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    source_id = models.UUIDField()
    score = models.FloatField(default=0)
    data = models.JSONField(default=dict)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (SameWorkspace(field="chatbot", name="analytics_finding_chatbot_same_workspace"),)
        indexes = (models.Index(fields=["chatbot", "kind", "-score"], name="analytics_finding_by_kind"),)
