"""Each distinct chunk text of a chatbot once, and the places in documents where it stands."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key, tenant_key


class ChunkText(TenantChild):
    """``content_hash`` is SHA-256 over context and text: an unchanged chunk is neither written nor embedded again.

    ``is_live``: it stands in a current version; only live chunks are found.
    """

    chatbot = parent_key("chatbots.Chatbot")
    content_hash = models.BinaryField(max_length=32)
    context = models.TextField(blank=True)
    text = models.TextField()
    token_count = models.IntegerField()
    language = models.CharField(max_length=20, blank=True)
    kind = models.CharField(max_length=12, default="paragraph")
    is_live = models.BooleanField(default=False)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("training_chunktext"),
            SameWorkspace(field="chatbot", name="training_chunktext_chatbot_same_workspace"),
            models.UniqueConstraint(fields=["chatbot", "content_hash"], name="training_chunktext_once"),
        )


class Placement(TenantChild):
    """``version.text[char_start:char_end]`` is the chunk's text."""

    chatbot = parent_key("chatbots.Chatbot")  # proved by the chunk and the version
    document_version = parent_key("training.DocumentVersion", related_name="placements")
    chunk = parent_key("training.ChunkText", related_name="placements")
    ordinal = models.IntegerField()
    char_start = models.IntegerField()
    char_end = models.IntegerField()
    page = models.IntegerField(null=True, blank=True)
    heading_path = ArrayField(models.TextField(), default=list, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            SameWorkspace(field="document_version", name="training_placement_version_same_workspace"),
            SameWorkspace(field="chunk", name="training_placement_chunk_same_workspace"),
            models.UniqueConstraint(fields=["document_version", "ordinal"], name="training_placement_once"),
            models.CheckConstraint(
                condition=models.Q(char_start__gte=0, char_end__gt=models.F("char_start")),
                name="training_placement_span",
            ),
        )
        indexes = (models.Index(fields=["chunk"], name="training_placement_by_chunk"),)
