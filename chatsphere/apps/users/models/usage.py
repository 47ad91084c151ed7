"""What was used: an append-only ledger, and the counters that quotas are reserved on."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from chatsphere.core.tenancy import TenantModel, WorkspaceQuerySet


class UsageRecord(TenantModel):
    """One line a turn, search or training step. Ids are plain values: the ledger outlives what it speaks of."""

    class Kind(models.TextChoices):
        CHAT = "chat"
        SEARCH = "search"
        TRAINING = "training"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    request_key = models.CharField(max_length=100, help_text="Makes a repeated booking harmless.")
    occurred_at = models.DateTimeField()
    chatbot_id = models.UUIDField(null=True, blank=True)
    conversation_id = models.UUIDField(null=True, blank=True)
    message_id = models.UUIDField(null=True, blank=True)
    visitor_id = models.UUIDField(null=True, blank=True)
    api_key_id = models.UUIDField(null=True, blank=True)
    user_id = models.UUIDField(null=True, blank=True)
    channel = models.CharField(max_length=20, blank=True)
    model = models.CharField(max_length=100, blank=True)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    embedding_tokens = models.BigIntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="USD")
    latency_ms = models.IntegerField(null=True, blank=True)
    first_token_ms = models.IntegerField(null=True, blank=True)
    finish_reason = models.CharField(max_length=30, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "request_key"], name="users_usagerecord_once"),
            models.CheckConstraint(
                condition=models.Q(prompt_tokens__gte=0, completion_tokens__gte=0, embedding_tokens__gte=0),
                name="users_usagerecord_not_negative",
            ),
        )
        indexes = (models.Index(fields=["workspace", "occurred_at"], name="users_usagerecord_by_time"),)


class QuotaCounter(TenantModel):
    """Units of one metric in one period (first day of a month or day); changed only by conditional updates."""

    metric = models.CharField(max_length=40)
    period = models.DateField()
    used = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    warned = models.SmallIntegerField(default=0, help_text="Percent of the limit at which people were last told.")

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "metric", "period"], name="users_quotacounter_once"),
            models.CheckConstraint(
                condition=models.Q(used__gte=0, reserved__gte=0), name="users_quotacounter_not_negative"
            ),
        )


class QuotaReservation(TenantModel):
    """Units held for a request that is under way; settled or released once, by its key, or released when it ran out."""

    request_key = models.CharField(max_length=100)
    metric = models.CharField(max_length=40)
    period = models.DateField()
    units = models.BigIntegerField()
    expires_at = models.DateTimeField()

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "request_key", "metric"], name="users_quotareservation_once"),
        )
        indexes = (models.Index(fields=["expires_at"], name="users_quotareservation_expiry"),)
