"""What operators see and change: plans, suspension, limits. Hashes are never shown, trails and ledgers never changed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from chatsphere.apps.users import attempts, audit
from chatsphere.apps.users.actions import end_sessions
from chatsphere.apps.users.actions.second_factor import require_code
from chatsphere.apps.users.audit import Actor
from chatsphere.apps.users.flags import FEATURES, forget
from chatsphere.apps.users.models import (
    APIKey,
    AuditEvent,
    Flag,
    Membership,
    Plan,
    QuotaCounter,
    Session,
    UsageRecord,
    User,
    Workspace,
)
from chatsphere.core.addresses import client_address
from chatsphere.core.exceptions import Throttled, Unauthenticated


class OperatorSignIn(AdminAuthenticationForm):
    """The limits, lock-outs and second factors of everybody's sign-in hold here, too."""

    code = forms.CharField(
        label=_("Code of your second factor"),
        max_length=40,
        required=False,
        widget=forms.TextInput({"autocomplete": "one-time-code"}),
    )

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
            audit.record(Actor("anonymous", ip_address=address), "operator.sign_in_failed", workspace_id=None)
            raise
        try:
            require_code(self.get_user(), self.cleaned_data.get("code", ""), Actor("anonymous", ip_address=address))
        except (Unauthenticated, Throttled) as error:
            raise ValidationError(str(error.message), code="second_factor") from error
        attempts.note_success(email, address)
        audit.record(_operator(self.request, self.get_user()), "operator.signed_in", workspace_id=None)
        return cleaned


admin.site.login_form = OperatorSignIn
admin.site.login_template = "users/operator_sign_in.html"


def _operator(request: HttpRequest | None, user: Any) -> Actor:
    return audit.as_person(Actor(ip_address=client_address(request)), user)


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

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002 - Django's signature
        """Another password ends the person's sessions, as it does when they set it themselves."""
        before = self.get_object(request, id)
        response: HttpResponse = super().user_change_password(request, id, form_url)
        user = self.get_object(request, id)
        if before is not None and user is not None and user.password != before.password:
            end_sessions(user_id=user.pk, reason="password.set_by_operator")
            audit.record(
                _operator(request, request.user),
                "password.set_by_operator",
                workspace_id=user.default_workspace_id,
                object_type="user",
                object_id=user.pk,
            )
        return response


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


class FlagForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """Only features that exist can be switched."""

    name = forms.ChoiceField(choices=[(each.name, f"{each.name}: {each.help}") for each in FEATURES.values()])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        feature = FEATURES.get(cleaned.get("name", ""))
        if feature and not feature.by_workspace and cleaned.get("everyone") is None:
            raise ValidationError(_("This feature is the same for every workspace: say yes or no for everyone."))
        return cleaned


@admin.register(Flag)
class FlagAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """Without a row a feature is as the documentation says; a change holds in every process within two seconds."""

    form = FlagForm
    fields = ("name", "everyone", "not_workspaces", "workspaces", "percent", "note")
    list_display = ("name", "everyone", "percent", "modified", "note")
    autocomplete_fields = ("workspaces", "not_workspaces")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """After the workspaces are written, too."""
        super().save_related(request, form, formsets, change)
        self._tell(request, form.instance, "flag.changed")

    def delete_model(self, request: HttpRequest, obj: Flag) -> None:
        self._tell(request, obj, "flag.removed")
        super().delete_model(request, obj)

    def _tell(self, request: HttpRequest, flag: Flag, action: str) -> None:
        said = {"everyone": flag.everyone, "percent": None if flag.percent is None else float(flag.percent)}
        by_workspace = {
            name: [str(each) for each in getattr(flag, name).values_list("pk", flat=True)]
            for name in ("workspaces", "not_workspaces")
        }
        operator = _operator(request, request.user)
        audit.record(
            operator, action, workspace_id=None, object_type="flag", object_id=flag.name, details=said | by_workspace
        )
        transaction.on_commit(forget)
