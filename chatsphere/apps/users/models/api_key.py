"""API keys: shown once, stored as a hash, scoped, revocable at once."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from chatsphere.core.tenancy import SameWorkspace, TenantChild, TenantModel, WorkspaceQuerySet, parent_key, tenant_key


class APIKey(TenantModel):
    """``cs_sk_<id>_<secret>`` (servers) or ``cs_pk_<id>_<secret>`` (browsers, one chatbot, chat only)."""

    class Kind(models.TextChoices):
        SECRET = "secret"  # noqa: S105 - a kind, no secret
        PUBLISHABLE = "publishable"

    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.SECRET)
    name = models.CharField(max_length=200)
    secret_hash = models.BinaryField(max_length=32)
    last_four = models.CharField(max_length=4)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    all_chatbots = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (tenant_key("users_apikey"),)
        indexes = (models.Index(fields=["workspace", "-created_at"], name="users_apikey_by_workspace"),)


class APIKeyChatbot(TenantChild):
    """A key that is bound to some chatbots; the chatbots room adds the foreign key to its table."""

    api_key = parent_key("users.APIKey", related_name="chatbot_links")
    chatbot_id = models.UUIDField()

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            SameWorkspace(field="api_key", name="users_apikeychatbot_same_workspace"),
            models.UniqueConstraint(fields=["api_key", "chatbot_id"], name="users_apikeychatbot_once"),
        )
