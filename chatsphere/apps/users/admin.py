"""What operators see and change: plans, suspension, limits. Hashes are never shown, trails and ledgers never changed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chatsphere.apps.users import attempts
from chatsphere.apps.users.models import (
    APIKey,
    AuditEvent,
    Membership,
    Plan,
    QuotaCounter,
    Session,
    UsageRecord,
    User,
    Workspace,
)
from chatsphere.core.addresses import client_address
from chatsphere.core.exceptions import Throttled


class OperatorSignIn(AdminAuthenticationForm):
    """The limits and lock-outs of everybody's sign-in hold here, too."""

    def clean(self) -> dict[str, Any]:
        email, address = self.cleaned_data.get("username", ""), client_address(self.request)
        try:
            attempts.admit_sign_in(email, address)
        except Throttled as error:
            raise ValidationError(str(error.message), code="throttled") from error
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            attempts.note_failure(email, address)
            raise
        attempts.note_success(email, address)
        return cleaned


admin.site.login_form = OperatorSignIn


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """To be looked at only."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class PeopleAdmin(UserAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    list_display = ("email", "name", "is_active", "is_email_verified", "is_staff", "date_joined")
    search_fields = ("email", "name")
    ordering = ("-date_joined",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "username", "name", "default_workspace")}),
        (_("Rights"), {"fields": ("is_active", "is_email_verified", "is_staff", "is_superuser")}),
        (_("Times"), {"fields": ("last_login", "date_joined")}),
    )
    raw_id_fields = ("default_workspace",)
    list_filter = ("is_active", "is_staff")
    filter_horizontal = ()


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]  # generic only in the stubs
    model = Membership
    extra = 0
    raw_id_fields = ("user",)


@admin.register(Workspace)
class WorkspaceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """Plan, own limit, suspension; emptying ``deleted_at`` restores a deleted workspace."""

    list_display = ("name", "plan", "usage_limit", "is_suspended", "deleted_at", "created_at")
    list_filter = ("plan", "is_suspended")
    search_fields = ("name", "memberships__user__email")
    readonly_fields = ("created_at", "updated_at")
    inlines = (MembershipInline,)


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    list_display = ("code", "name", "messages_per_month", "tokens_per_month", "storage_bytes", "chatbots", "is_default")


@admin.register(APIKey)
class APIKeyAdmin(ReadOnly):
    list_display = ("name", "workspace", "kind", "last_four", "scopes", "expires_at", "revoked_at", "last_used_at")
    list_select_related = ("workspace",)
    exclude = ("secret_hash",)


@admin.register(Session)
class SessionAdmin(ReadOnly):
    list_display = ("user", "ip_address", "created_at", "last_used_at", "expires_at", "ended_at", "end_reason")
    list_select_related = ("user",)
    exclude = ("current_jti",)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    list_display = ("occurred_at", "action", "actor_label", "actor_kind", "object_type", "object_id", "ip_address")
    list_filter = ("action", "actor_kind")
    search_fields = ("actor_label", "object_id", "request_id")


@admin.register(QuotaCounter)
class QuotaCounterAdmin(ReadOnly):
    list_display = ("workspace", "metric", "period", "used", "reserved", "warned")
    list_select_related = ("workspace",)


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnly):
    list_display = ("occurred_at", "workspace", "kind", "model", "prompt_tokens", "completion_tokens", "cost_micros")
    list_select_related = ("workspace",)
    list_filter = ("kind",)
