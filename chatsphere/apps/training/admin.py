"""What operators see of training: sources, runs and documents, to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from chatsphere.apps.training.models import Document, Run, TrainingSource


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """Rows that only the pipeline may change: behind its back, chunks and vectors would be left over."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(TrainingSource)
class SourceAdmin(ReadOnly):
    list_display = (
        "name",
        "source_type",
        "status",
        "searchable",
        "chunks_count",
        "attempt",
        "error_type",
        "updated_at",
    )
    list_filter = ("status", "source_type", "searchable")
    search_fields = ("=id", "=chatbot__id", "=workspace__id", "name")
    exclude = ("options", "content_hash")
    list_select_related = ()


@admin.register(Run)
class RunAdmin(ReadOnly):
    list_display = ("id", "kind", "state", "attempt", "errors", "crashes", "error_type", "created_at", "finished_at")
    list_filter = ("state", "kind")
    search_fields = ("=id", "=source__id", "=chatbot__id", "=workspace__id")


@admin.register(Document)
class DocumentAdmin(ReadOnly):
    list_display = ("title", "media_type", "uri", "updated_at")
    search_fields = ("=id", "=source__id", "=chatbot__id", "title")
