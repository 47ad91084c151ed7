"""Events that happened, as integrators hear of them."""

from __future__ import annotations

from django.db import models

from chatsphere.core.tenancy import TenantModel, tenant_key


class Event(TenantModel):
    """Written in the transaction that causes it (a transactional outbox); its id is the ``webhook-id`` of every delivery."""

    type = models.CharField(max_length=60)
    schema_version = models.SmallIntegerField(default=1)
    chatbot_id = models.UUIDField(null=True, blank=True)
    object_id = models.UUIDField(null=True, blank=True)
    payload = models.JSONField(default=dict)
    occurred_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (tenant_key("webhooks_event"),)
        indexes = (models.Index(fields=["workspace", "-occurred_at"], name="webhooks_event_by_time"),)
