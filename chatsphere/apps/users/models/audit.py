"""Who did what to which object, from where. The database refuses updates and deletes (a trigger in the migrations)."""

from __future__ import annotations

from django.db import models

from chatsphere.core.identifiers import new_id


class AuditEvent(models.Model):
    """Ids are plain values, without foreign keys: the trail outlives what it speaks of."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.UUIDField(null=True, blank=True)
    occurred_at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=60)
    actor_kind = models.CharField(max_length=20)
    actor_id = models.UUIDField(null=True, blank=True)
    actor_label = models.CharField(max_length=200, blank=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = (models.Index(fields=["workspace_id", "-occurred_at"], name="users_auditevent_by_time"),)
