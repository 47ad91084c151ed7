"""Conversations for operators: to look at, not to change."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from chatsphere.apps.conversations.models import Conversation, Feedback, Message, Visitor


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """What customers and visitors said is theirs."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    list_display = ("id", "workspace", "chatbot", "channel", "state", "messages_count", "created_at")
    list_filter = ("channel", "state")
    list_select_related = ("workspace", "chatbot")
    search_fields = ("=id", "=chatbot__id", "=workspace__id")


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("id", "workspace", "chatbot", "role", "state", "finish_reason", "model", "latency_ms", "created_at")
    list_filter = ("role", "state", "finish_reason")
    list_select_related = ("workspace", "chatbot")
    search_fields = ("=id", "=conversation__id", "=workspace__id")


@admin.register(Visitor)
class VisitorAdmin(ReadOnlyAdmin):
    list_display = ("id", "workspace", "chatbot", "external_id", "is_verified", "last_seen_at")
    list_select_related = ("workspace", "chatbot")
    search_fields = ("=id", "=external_id")


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    list_display = ("id", "workspace", "message_id", "rating", "created_at")
    list_filter = ("rating",)
    list_select_related = ("workspace",)
