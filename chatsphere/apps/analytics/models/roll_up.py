"""Sums of the ledger by hour and day, and the marks that say which hours must be summed again.

Hours and days are those of the workspace's time zone, kept as the instants at which they begin: so a day of Kathmandu (UTC+5:45) is exact,
too. Triggers on the ledger, on ratings and on conversations write the marks in the transaction that changes something.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from chatsphere.core.tenancy import WorkspaceQuerySet


class Change(models.Model):
    """Something happened to what is summed at ``at``. Only added and removed; the roll-up that reads it removes it."""

    workspace_id = models.UUIDField()
    at = models.DateTimeField()
    message_id = models.UUIDField(null=True, blank=True, help_text="The answer that changed, for the inbox.")

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=["workspace_id", "at"], name="analytics_change_by_time"),)


class RollUpState(models.Model):
    """In which time zone a workspace was summed. ``generation`` rises with every roll-up: what was cached under it is exact."""

    workspace = models.OneToOneField("users.Workspace", on_delete=models.CASCADE, primary_key=True, related_name="+")
    time_zone = models.CharField(max_length=64)
    generation = models.BigIntegerField(default=0)
    rolled_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()


class _Usage(models.Model):
    """Sums over the ledger's lines of one period that agree in every dimension.

    ``latency`` and ``first_token`` are histograms (``analytics.histogram``), ``visitors`` the distinct visitors, eight bytes each.
    ``conversations`` counts those that began; they stand in lines of the kind ``begun``.
    """

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey("users.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField()
    kind = models.CharField(max_length=10)
    chatbot_id = models.UUIDField(null=True, blank=True)
    api_key_id = models.UUIDField(null=True, blank=True)
    channel = models.CharField(max_length=20, blank=True)
    model = models.CharField(max_length=100, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    lines = models.IntegerField(default=0)
    conversations = models.IntegerField(default=0)
    messages = models.IntegerField(default=0)
    answered = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    handed_off = models.IntegerField(default=0)
    feedback_up = models.IntegerField(default=0)
    feedback_down = models.IntegerField(default=0)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    embedding_tokens = models.BigIntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)
    latency = models.BinaryField(default=b"")
    first_token = models.BinaryField(default=b"")
    visitors = models.BinaryField(default=b"")

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        abstract = True


class HourlyUsage(_Usage):
    class Meta:
        indexes = (models.Index(fields=["workspace", "at"], name="analytics_hourlyusage_by_time"),)


class DailyUsage(_Usage):
    class Meta:
        indexes = (models.Index(fields=["workspace", "at"], name="analytics_dailyusage_by_time"),)


class HourlyCitations(models.Model):
    """How often answers of an hour cited a source. The source may be gone."""

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey("users.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField()
    chatbot_id = models.UUIDField()
    source_id = models.UUIDField()
    citations = models.IntegerField()
    answers = models.IntegerField()

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=["workspace", "at"], name="analytics_citations_by_time"),)
