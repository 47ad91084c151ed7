"""A training run: one durable piece of work on one source."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from chatsphere.core.durable import DurableState, DurableWork
from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key, tenant_key


class Run(TenantChild, DurableWork):  # type: ignore[misc, unused-ignore]  # both bases bring a manager
    """``steps`` tells what each step did: ``{"extract": {"items", "seconds", …}, …}``."""

    class Kind(models.TextChoices):
        TRAIN = "train"
        SYNC = "sync"
        RETRAIN = "retrain"  # because its chatbot cuts documents in another way now

    chatbot = parent_key("chatbots.Chatbot", index=True)
    source = parent_key("training.TrainingSource", related_name="runs")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.TRAIN)
    is_forced = models.BooleanField(default=False, help_text="Extract again even when the bytes did not change.")
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(default=0)
    progress_unit = models.CharField(max_length=20, default="chunks")
    chunks_embedded = models.IntegerField(default=0)
    chunks_reused = models.IntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)
    steps = models.JSONField(default=dict)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("training_run"),
            SameWorkspace(field="chatbot", name="training_run_chatbot_same_workspace"),
            SameWorkspace(field="source", name="training_run_source_same_workspace"),
            models.UniqueConstraint(
                fields=["source"],
                condition=models.Q(state__in=[DurableState.QUEUED, DurableState.RUNNING]),
                name="training_run_one_open_a_source",
            ),
        )
        indexes = (
            models.Index(
                fields=["available_at"],
                condition=models.Q(state__in=[DurableState.QUEUED, DurableState.RUNNING]),
                name="training_run_open",
            ),
            models.Index(
                fields=["progress_unit"], condition=models.Q(state=DurableState.RUNNING), name="training_run_in_hand"
            ),
            models.Index(fields=["source", "-created_at"], name="training_run_by_source"),
            models.Index(
                fields=["workspace", "priority", "id"],
                condition=models.Q(state=DurableState.QUEUED),
                name="training_run_queue",
            ),
            models.Index(fields=["workspace", "-started_at"], name="training_run_served"),
        )
