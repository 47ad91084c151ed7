"""Rows that belong to no room."""

from __future__ import annotations

from django.db import models

from chatsphere.core.encryption import EncryptedTextField
from chatsphere.core.identifiers import new_id


class IdempotencyRecord(models.Model):
    """A request with an ``Idempotency-Key`` and, once it has ended, its answer. ``status`` is empty while it is under way.

    ``owner`` is workspace and credential; the body is encrypted, as it may show a new secret.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.CharField(max_length=120)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.SmallIntegerField(null=True, blank=True)
    content_type = models.CharField(max_length=100, blank=True)
    body = EncryptedTextField(blank=True)
    locked_until = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["owner", "key"], name="core_idempotencyrecord_once"),)
        indexes = (models.Index(fields=["expires_at"], name="core_idempotencyrecord_expiry"),)
