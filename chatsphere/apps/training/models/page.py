"""The pages of a web source: what was found, what is still to be visited, how the last visit went."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key


class Page(TenantChild):
    """An address of a source. ``listed_by`` and ``visited_by`` are ids of runs: a run visits what it has listed and not visited yet.

    So a run that is continued by another worker visits nothing twice.
    """

    class Outcome(models.TextChoices):
        WAITING = "waiting"
        KEPT = "kept"  # it is a document
        ALIAS = "alias"  # another address has the same page
        SKIPPED = "skipped"  # of a kind that is not read, or not allowed
        GONE = "gone"
        FAILED = "failed"

    chatbot = parent_key("chatbots.Chatbot", index=True)
    source = parent_key("training.TrainingSource", related_name="pages")
    url = models.TextField()
    depth = models.SmallIntegerField(default=0)
    modified = models.CharField(max_length=100, blank=True, help_text="The lastmod of the sitemap.")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.WAITING)
    message = models.TextField(blank=True)
    errors = models.SmallIntegerField(default=0)
    listed_by = models.UUIDField(null=True, blank=True)
    visited_by = models.UUIDField(null=True, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            SameWorkspace(field="chatbot", name="training_page_chatbot_same_workspace"),
            SameWorkspace(field="source", name="training_page_source_same_workspace"),
            models.UniqueConstraint(fields=["source", "url"], name="training_page_once"),
        )
        indexes = (models.Index(fields=["source", "listed_by", "depth", "id"], name="training_page_in_order"),)
