"""Evaluations for operators: to look at, not to change."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from chatsphere.apps.evaluation.models import Evaluation, TestSet


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """What customers test is theirs."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(TestSet)
class TestSetAdmin(ReadOnlyAdmin):
    __test__ = False
    list_display = ("id", "workspace", "chatbot", "name", "revision", "created_at")
    list_select_related = ("workspace", "chatbot")
    search_fields = ("=id", "=chatbot__id", "=workspace__id")


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
    list_display = ("id", "workspace", "chatbot", "version", "state", "done_count", "questions_count", "created_at")
    list_filter = ("state",)
    list_select_related = ("workspace", "chatbot")
    search_fields = ("=id", "=chatbot__id", "=workspace__id")
