"""A document is one file or page of a source; a version is its text at one time."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key, tenant_key


class Document(TenantChild):
    """``key`` tells the documents of a source apart (a page's address, a path in an archive); its current version answers."""

    chatbot = parent_key("chatbots.Chatbot")
    source = parent_key("training.TrainingSource", related_name="documents")
    key = models.TextField(default="", blank=True)
    title = models.CharField(max_length=500, blank=True)
    uri = models.TextField(blank=True)
    media_type = models.CharField(max_length=150, blank=True)
    current_version = models.ForeignKey(
        "training.DocumentVersion", on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        db_constraint=False,
    )  # fmt: skip
    etag = models.CharField(max_length=300, blank=True)
    last_modified = models.CharField(max_length=100, blank=True)
    misses = models.SmallIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("training_document"),
            SameWorkspace(field="chatbot", name="training_document_chatbot_same_workspace"),
            SameWorkspace(field="source", name="training_document_source_same_workspace"),
            SameWorkspace(
                field="current_version", name="training_document_current_same_workspace", on_delete="SET NULL"
            ),
            models.UniqueConstraint(fields=["source", "key"], name="training_document_key_once"),
        )
        indexes = (models.Index(fields=["chatbot"], name="training_document_by_chatbot"),)


class DocumentVersion(TenantChild):
    """The extracted text. ``page_starts`` are the offsets at which page 1, 2, … begin; ``report`` the ingest quality figures.

    ``content_hash`` is SHA-256 over the original bytes and everything else that decides the result, so that equal hashes mean
    equal chunks. A version that is not complete was left in the middle of its chunks. ``sketch`` and ``bands`` find documents that say
    the same (``services/content/sketch.py``).
    """

    chatbot = parent_key("chatbots.Chatbot")
    document = parent_key("training.Document", related_name="versions")
    number = models.IntegerField(default=1)
    content_hash = models.BinaryField(max_length=32)
    text = models.TextField()
    language = models.CharField(max_length=20, blank=True)
    page_starts = ArrayField(models.IntegerField(), default=list, blank=True)
    links = models.JSONField(default=list)
    warnings = models.JSONField(default=list)
    is_partial = models.BooleanField(default=False)
    is_complete = models.BooleanField(default=False, help_text="All its placements are written.")
    report = models.JSONField(default=dict)
    sketch = ArrayField(models.IntegerField(), default=list, blank=True)
    bands = ArrayField(models.BigIntegerField(), default=list, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("training_documentversion"),
            SameWorkspace(field="chatbot", name="training_documentversion_chatbot_same_workspace"),
            SameWorkspace(field="document", name="training_documentversion_document_same_workspace"),
            models.UniqueConstraint(fields=["document", "number"], name="training_documentversion_number_once"),
        )
        indexes = (
            models.Index(fields=["chatbot"], name="training_version_by_chatbot"),
            GinIndex(fields=["bands"], name="training_version_by_band"),
        )
