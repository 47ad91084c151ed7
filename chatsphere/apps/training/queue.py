"""Where queued sources stand, and how long anything may stay open."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Final
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.training import outcomes, retraining
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.models import Retraining, Run, TrainingSource
from chatsphere.core import durable

logger = logging.getLogger("chatsphere.training")

LONGEST_OPEN: Final = timedelta(days=7)
_AT_ONCE: Final = 500


class Positions:
    """Places of queued sources in the queue of their workspace, asked for when the first of them is shown: not in lists of other fields.

    Workspaces take turns, so that only the own queue tells anything.
    """

    def __init__(self, sources: Iterable[TrainingSource]) -> None:
        self._queued = [source for source in sources if source.status == TrainingSource.Status.QUEUED]

    def of(self, source: TrainingSource) -> int | None:
        """1 is next; None of a source that is not queued. No query when none of them is, else one for all."""
        return self._places.get(source.pk)

    @cached_property
    def _places(self) -> dict[UUID, int]:
        if not self._queued:
            return {}
        parameters = {"workspace": self._queued[0].workspace_id, "sources": [source.pk for source in self._queued]}
        return {row["source_id"]: row["position"] for row in sql("queue_positions", parameters)}


def expire() -> None:
    """End what has been open for a week, with a sentence: nothing stays queued or running for ever. Idempotent."""
    before = timezone.now() - LONGEST_OPEN
    late = Run.objects.filter(state__in=durable.OPEN_STATES, created_at__lt=before).select_related("source", "chatbot")
    for run in late.order_by("pk")[:_AT_ONCE]:
        try:
            outcomes.failed(run, error_type="expired", message=_too_late())
        except durable.LostLease:
            continue
    for row in Retraining.objects.filter(state__in=durable.OPEN_STATES, created_at__lt=before):
        try:
            retraining.fail(row, error_type="expired", message=_too_late())
        except durable.LostLease:
            continue


def _too_late() -> str:
    return _(
        "This was not finished within a week and has been given up. Ask the operator whether the workers are running, then sync it again."
    )
