"""Webhooks as operators see them: to look, never to read a secret."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from chatsphere.apps.webhooks.models import Delivery, Endpoint, Event


class _ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Endpoint)
class EndpointAdmin(_ReadOnly):
    list_display = ("url", "workspace", "is_active", "disabled_reason", "failing_since", "created_at")
    list_filter = ("is_active", "disabled_reason")
    list_select_related = ("workspace",)
    search_fields = ("id", "url", "workspace__name")
    exclude = ("secret", "previous_secret")


@admin.register(Event)
class EventAdmin(_ReadOnly):
    list_display = ("type", "workspace", "occurred_at", "fanned_out_at")
    list_filter = ("type",)
    list_select_related = ("workspace",)
    search_fields = ("id", "object_id")
    exclude = ("payload",)


@admin.register(Delivery)
class DeliveryAdmin(_ReadOnly):
    list_display = ("event", "endpoint", "state", "attempt", "response_status", "available_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("event", "endpoint")
    search_fields = ("id", "event__id", "endpoint__id")
