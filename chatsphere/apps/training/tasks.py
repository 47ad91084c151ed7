"""Doors for Celery. What they do can be repeated, and any of them may be killed at any moment."""

from __future__ import annotations

import time
from typing import Final
from uuid import UUID

from celery import shared_task

from chatsphere.apps.training import files, large_chatbots, queue, reconcile, retrain_worker, sweep, warming, worker
from chatsphere.apps.training.hints import INGEST, REFRESH_STATISTICS, RUN_RETRAINING, RUN_TRAINING
from chatsphere.apps.training.models import TermChange
from chatsphere.core.hints import hint_is_taken, send_hint
from chatsphere.services.vector_store.base import ChatbotRef

__all__ = ["warming"]  # which waits for Celery's signal

DRAIN_SECONDS: Final = 5.0
INDEX_SECONDS: Final = 8.0  # short, as the queue has other work too
RECONCILE_SECONDS: Final = 5.0


@shared_task(name=RUN_TRAINING)
def run_training(run_id: str = "") -> None:
    """A hint that runs are due; ``run_id`` is the one that caused it. The run done is the next one by fairness, and then the next.

    Working on until nothing is due makes lost hints harmless and saves the queue's round trip for each document. After a few
    seconds the rest is left to another hint, so that a worker that shall stop stops soon.
    """
    hint_is_taken(RUN_TRAINING)
    if worker.work_until(time.monotonic() + DRAIN_SECONDS):
        send_hint(RUN_TRAINING, run_id, queue=INGEST)


@shared_task(name=RUN_RETRAINING)
def run_retraining(retraining_id: str) -> None:
    """A slice of a retraining; the rest is left to another hint, so that documents are served between."""
    if retrain_worker.work(UUID(retraining_id)):
        send_hint(RUN_RETRAINING, retraining_id, queue=INGEST)


@shared_task(name="chatsphere.apps.training.tasks.refresh_statistics")
def refresh_statistics(workspace_id: str, chatbot_id: str) -> None:
    """Count a chatbot's terms after something was taken away; of several deletions the first hint counts all. What a very large one has left
    is forgotten in slices, as the queue has other work too."""
    chatbot = ChatbotRef(UUID(workspace_id), UUID(chatbot_id))
    is_changed = TermChange.objects.filter(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.chatbot_id).exists()
    ends_at = time.monotonic() + worker.FORGETTING_SECONDS
    if is_changed and not worker.refresh_statistics(chatbot, ends_at=ends_at):
        send_hint(REFRESH_STATISTICS, workspace_id, chatbot_id)


@shared_task(name="chatsphere.apps.training.tasks.sweep_training")
def sweep_training() -> None:
    """Each ten seconds: find crashed runs, wake workers for due runs and retrainings, queue refreshes, count statistics that were left."""
    sweep.sweep()
    retrain_worker.wake()


@shared_task(name="chatsphere.apps.training.tasks.index_large_chatbots")
def index_large_chatbots() -> None:
    """Each 15 seconds: searches in chatbots that grew large are made fast. What is not done in time is done the next time."""
    large_chatbots.index_until(time.monotonic() + INDEX_SECONDS)


@shared_task(name="chatsphere.apps.training.tasks.remove_orphan_files")
def remove_orphan_files() -> None:
    """Each hour: uploads that no source knows go, and what has been open for a week is given up."""
    files.remove_orphans()
    queue.expire()


@shared_task(name="chatsphere.apps.training.tasks.reconcile_knowledge")
def reconcile_knowledge() -> None:
    """Each ten minutes: look at the next chatbots for rows and vectors that are left over, missing or in the wrong light."""
    reconcile.reconcile_until(time.monotonic() + RECONCILE_SECONDS)
