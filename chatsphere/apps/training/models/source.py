"""A training source: something the content editor added."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from chatsphere.core.principal import Principal
from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key, tenant_key

UPLOADS = "sources"  # folder of the storage


def upload_path(source: TrainingSource, _filename: str) -> str:
    """A generated storage key; the visitor's file name never becomes a path."""
    return f"{UPLOADS}/{source.workspace_id}/{source.chatbot_id}/{source.id}"


class SourceQuerySet(WorkspaceQuerySet):
    def alive(self) -> Self:
        """Of chatbots that are not deleted."""
        return self.filter(chatbot__deleted_at=None)

    def visible_to(self, principal: Principal) -> Self:
        """The sources of the principal's workspace; a key that is bound to some chatbots sees only theirs."""
        sources = self.in_workspace(principal.workspace_id).alive()
        return sources if principal.chatbot_ids is None else sources.filter(chatbot_id__in=principal.chatbot_ids)


class TrainingSource(TenantChild):
    """Counts (documents, chunks, bytes, tokens) describe what answers now, not what a run is about to bring."""

    class Type(models.TextChoices):
        TEXT = "text", _("Text")
        FILE = "file", _("File")
        URL = "url", _("Web page")
        SITEMAP = "sitemap", _("Sitemap")
        CRAWL = "crawl", _("Web site")
        QA = "qa", _("Questions and answers")

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        FETCHING = "fetching", _("Fetching")
        PARSING = "parsing", _("Parsing")
        CHUNKING = "chunking", _("Chunking")
        EMBEDDING = "embedding", _("Embedding")
        READY = "ready", _("Ready")
        PARTIAL = "partial", _("Partly ready")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    class Searchable(models.TextChoices):
        NONE = "none"
        TEXT = "text"
        FULL = "full"

    class Refresh(models.TextChoices):
        NEVER = "never"
        DAILY = "daily"
        WEEKLY = "weekly"
        MONTHLY = "monthly"

    chatbot = parent_key("chatbots.Chatbot", related_name="sources")
    source_type = models.CharField(max_length=10, choices=Type.choices)
    name = models.CharField(max_length=300)
    uri = models.TextField(blank=True)
    options = models.JSONField(default=dict, help_text=_("What its type needs: crawl limits, pairs, …"))
    file = models.FileField(upload_to=upload_path, null=True, blank=True, max_length=300)
    media_type = models.CharField(max_length=150, blank=True)
    content_hash = models.BinaryField(max_length=32, null=True, blank=True)
    access_tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    refresh = models.CharField(max_length=10, choices=Refresh.choices, default=Refresh.NEVER)
    next_refresh_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    searchable = models.CharField(max_length=4, choices=Searchable.choices, default=Searchable.NONE)
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(default=0)
    progress_unit = models.CharField(max_length=20, default="chunks")
    error_type = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    warnings = models.JSONField(default=list)
    attempt = models.IntegerField(default=0)
    documents_count = models.IntegerField(default=0)
    chunks_count = models.IntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    updated_at = models.DateTimeField(auto_now=True)
    last_synced_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = SourceQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("training_source"),
            SameWorkspace(field="chatbot", name="training_source_same_workspace"),
        )
        indexes = (models.Index(fields=["chatbot", "-created_at"], name="training_source_by_chatbot"),)

    @property
    def processed(self) -> bool:
        return self.status == self.Status.READY


WEB_TYPES = frozenset({TrainingSource.Type.URL, TrainingSource.Type.SITEMAP, TrainingSource.Type.CRAWL})
