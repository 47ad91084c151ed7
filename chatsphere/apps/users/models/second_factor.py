"""The second factor of a person: an authenticator app (TOTP), and codes for the day when the phone is lost."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from chatsphere.core.encryption import EncryptedTextField
from chatsphere.core.identifiers import new_id


class SecondFactor(models.Model):
    """In force from ``enabled_at`` on. ``last_step`` is the time step of the last code that was accepted: none is accepted twice."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="second_factor"
    )
    secret = EncryptedTextField()
    last_step = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    enabled_at = models.DateTimeField(null=True, blank=True)


class RecoveryCode(models.Model):
    """Good once in place of a code of the app; stored as a hash only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes")
    code_hash = models.BinaryField(max_length=32)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "code_hash"], name="users_recoverycode_once"),)
