"""What visitors may ask of the customer: a copy of all that is stored about them, or that it is erased."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from chatsphere.core.durable import DurableState, DurableWork
from chatsphere.core.encryption import EncryptedTextField
from chatsphere.core.tenancy import TenantModel, WorkspaceQuerySet, tenant_key


class PrivacyRequest(TenantModel, DurableWork):  # type: ignore[misc, unused-ignore]  # both bases bring a manager
    """A durable piece of work and, when it is done, the receipt. It forgets who it was about: only ``subject_hash`` stays.

    ``chatbot_ids`` None looks through every chatbot of the workspace. ``result`` is the export as JSON, kept until ``expires_at``.
    """

    class Kind(models.TextChoices):
        EXPORT = "export"
        ERASE = "erase"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    external_id = EncryptedTextField(blank=True)
    subject_hash = models.BinaryField(max_length=32)
    chatbot_ids = ArrayField(models.UUIDField(), null=True, blank=True)
    counts = models.JSONField(default=dict)
    result = EncryptedTextField(blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    requested_by = models.JSONField(default=dict, help_text="Kind, id and label of who asked.")

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (tenant_key("conversations_privacyrequest"),)
        indexes = (
            models.Index(
                fields=["available_at"],
                condition=models.Q(state__in=[DurableState.QUEUED, DurableState.RUNNING]),
                name="conversations_privacy_open",
            ),
            models.Index(fields=["workspace", "-id"], name="conversations_privacy_log"),
        )


class Erasure(TenantModel):
    """What went for good, so that figures and examples drawn from it elsewhere can be made again without it. Ids and days (UTC), no texts.

    Rooms above read these rows in the order of their ids.
    """

    class Reason(models.TextChoices):
        VISITOR = "visitor", "A visitor was erased."
        RETENTION = "retention", "It was kept for as long as the workspace wants."

    reason = models.CharField(max_length=10, choices=Reason.choices)
    chatbot_id = models.UUIDField()
    conversation_ids = ArrayField(models.UUIDField())
    message_ids = ArrayField(models.UUIDField())
    visitor_ids = ArrayField(models.UUIDField(), default=list)
    days = ArrayField(models.DateField())

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=["workspace", "id"], name="conversations_erasure_log"),)
