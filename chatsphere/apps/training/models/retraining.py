"""A retraining: one durable change of all that a chatbot knows, to another embedding model or another length of chunks."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from chatsphere.core.durable import OPEN_STATES, DurableWork
from chatsphere.core.tenancy import SameWorkspace, TenantChild, WorkspaceQuerySet, parent_key, tenant_key


class Retraining(TenantChild, DurableWork):  # type: ignore[misc, unused-ignore]  # both bases bring a manager
    """Documents are read again first, then every chunk gets a vector of ``to_model``, then that model answers, then old vectors go.

    ``chunking`` is how chunks shall be cut; empty when nothing has to be read again. ``to_model`` equals ``from_model`` when only that
    changes, or when the model shall only tell what the words of chunks mean that an earlier release has embedded.
    """

    class Phase(models.TextChoices):
        READ = "read"  # sources are trained again, each by a run of its own
        EMBED = "embed"  # new vectors beside the old ones
        CLEAN = "clean"  # the new ones answer; the old ones are removed

    chatbot = parent_key("chatbots.Chatbot", related_name="retrainings")
    from_model = models.CharField(max_length=100)
    to_model = models.CharField(max_length=100)
    chunking = models.JSONField(default=dict)
    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.READ)
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(default=0)
    chunks_embedded = models.IntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)
    steps = models.JSONField(default=dict)
    switched_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    @property
    def only_tells_words(self) -> bool:
        """Whether nothing is cut or embedded anew."""
        return self.from_model == self.to_model and not self.chunking

    class Meta:
        constraints = (
            tenant_key("training_retraining"),
            SameWorkspace(field="chatbot", name="training_retraining_same_workspace"),
            models.UniqueConstraint(
                fields=["chatbot"],
                condition=models.Q(state__in=OPEN_STATES),
                name="training_retraining_one_open_a_chatbot",
            ),
        )
        indexes = (
            models.Index(fields=["chatbot", "-created_at"], name="training_retraining_of_chatbot"),
            models.Index(
                fields=["available_at"], condition=models.Q(state__in=OPEN_STATES), name="training_retraining_open"
            ),
        )
