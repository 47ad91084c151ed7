"""The tenant: its plan, its members, its time zone."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from chatsphere.core.identifiers import new_id


class Plan(models.Model):
    """A tier that operators edit. A limit of NULL means unlimited."""

    code = models.SlugField(primary_key=True, max_length=50)
    name = models.CharField(max_length=100)
    messages_per_month = models.BigIntegerField(null=True, blank=True)
    tokens_per_month = models.BigIntegerField(null=True, blank=True)
    storage_bytes = models.BigIntegerField(null=True, blank=True)
    chatbots = models.BigIntegerField(null=True, blank=True)
    messages_per_chatbot_per_day = models.BigIntegerField(null=True, blank=True)
    is_default = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="users_plan_one_default"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    EDITOR = "editor", _("Editor")
    VIEWER = "viewer", _("Viewer")


def default_plan() -> str:
    """The code of the plan that operators made the default one; `free` while there is none."""
    code: str | None = Plan.objects.filter(is_default=True).values_list("code", flat=True).first()
    return code or "free"


def retention(help_text: Any) -> Any:
    """A number of days after which something is deleted; empty keeps it."""
    return models.PositiveIntegerField(null=True, blank=True, help_text=help_text)


def budget(help_text: Any) -> Any:
    """A cap on money in micro-units of the price list's currency; empty: none."""
    return models.BigIntegerField(null=True, blank=True, help_text=help_text)


class Workspace(models.Model):
    """Owns chatbots, keys, webhooks, quota. A deleted one answers nothing and can be restored by an operator for seven days."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, default=default_plan, related_name="+")
    usage_limit = models.BigIntegerField(
        null=True, blank=True, help_text=_("Messages a month; empty takes the plan's figure.")
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    second_factor_required = models.BooleanField(
        default=False, db_default=False, help_text=_("Members without a second factor can do nothing here.")
    )
    keep_conversations_days = retention(_("Conversations without a new message for so many days are deleted."))
    keep_traces_days = retention(_("Traces of answers are deleted after so many days."))
    keep_deliveries_days = retention(_("Webhook events and their deliveries are deleted after so many days."))
    keep_audit_days = retention(_("Lines of the audit trail are deleted after so many days."))
    budget_per_day = budget(_("What answers may cost a day, in micro-units; empty: any."))
    budget_per_month = budget(_("What answers may cost a month, in micro-units; empty: any."))
    is_suspended = models.BooleanField(default=False)
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = models.Manager()

    def __str__(self) -> str:
        return self.name

    @property
    def messages_per_month(self) -> int | None:
        """The limit in force: the workspace's own, else the plan's; None is unlimited."""
        return self.usage_limit if self.usage_limit is not None else self.plan.messages_per_month


class Membership(models.Model):
    """Who may do what in a workspace."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "user"], name="users_membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="users_membership_role_known"),
        )
