"""Where a person is signed in: one row a refresh-token family."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from chatsphere.core.identifiers import new_id


class Session(models.Model):
    """``current_jti`` names the only refresh token that is good; an older one that comes again ends the session."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions")
    current_jti = models.UUIDField()
    user_agent = models.CharField(max_length=300, blank=True)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes = (models.Index(fields=["user", "-created_at"], name="users_session_by_user"),)


class AttemptLimit(models.Model):
    """How fast somebody may try to get in: a leaky bucket (GCRA) a key, in PostgreSQL, so that losing Redis opens no door.

    ``free_at`` is the theoretical arrival time; ``failures`` counts wrong passwords in a row and makes waits longer.
    """

    key = models.CharField(primary_key=True, max_length=120)
    free_at = models.DateTimeField()
    failures = models.IntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = (models.Index(fields=["updated_at"], name="users_attemptlimit_by_time"),)
