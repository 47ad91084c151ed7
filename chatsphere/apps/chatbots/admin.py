"""Chatbots as operators see them: to look, to switch off, to restore."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chatsphere.apps.chatbots.actions import restore_chatbot
from chatsphere.apps.chatbots.models import Chatbot, ChatbotVersion


@admin.register(Chatbot)
class ChatbotAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    list_display = ("name", "workspace", "is_active", "created_at", "deleted_at")
    list_filter = ("is_active", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("workspace",)
    search_fields = ("id", "name", "slug", "workspace__name")
    fields = ("id", "workspace", "name", "slug", "is_active", "configuration", "published_version", "deleted_at")
    readonly_fields = ("id", "workspace", "slug", "configuration", "published_version", "deleted_at")
    actions = ("restore",)

    @admin.action(description=_("Restore deleted chatbots"))
    def restore(self, request: HttpRequest, queryset: QuerySet[Chatbot]) -> None:
        chosen = list(queryset.exclude(deleted_at=None))
        for chatbot in chosen:
            restore_chatbot(chatbot_id=chatbot.pk)
        text = ngettext("%(count)d chatbot is back.", "%(count)d chatbots are back.", len(chosen))
        self.message_user(request, text % {"count": len(chosen)}, messages.SUCCESS)

    def save_model(self, request: HttpRequest, obj: Chatbot, form: Any, change: Any) -> None:
        # Only what was edited: training changes other columns of the row meanwhile.
        obj.save(update_fields=[*form.changed_data, "updated_at"])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ChatbotVersion)
class ChatbotVersionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    list_display = ("chatbot", "number", "note", "created_at", "published_at")
    list_select_related = ("chatbot",)
    search_fields = ("chatbot__id", "chatbot__name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
