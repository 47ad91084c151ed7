"""Doors for Celery. Each may be killed at any moment and repeated."""

from __future__ import annotations

import time
from typing import Final

from celery import shared_task

from chatsphere.apps.evaluation import sweep, worker
from chatsphere.apps.evaluation.hints import RUN_EVALUATION, RUN_GENERATION
from chatsphere.apps.training.hints import INGEST
from chatsphere.core.hints import send_hint

SLICE_SECONDS: Final = 5.0  # then training has its turn


@shared_task(name=RUN_EVALUATION)
def run_evaluation(evaluation_id: str) -> None:
    """Ask some questions of an evaluation; what is left is done by another hint, so that training is not kept waiting."""
    if worker.work(evaluation_id, ends_at=time.monotonic() + SLICE_SECONDS):
        send_hint(RUN_EVALUATION, evaluation_id, queue=INGEST)


@shared_task(name=RUN_GENERATION)
def run_generation(generation_id: str) -> None:
    """Write questions from a chatbot's content."""
    worker.write(generation_id)


@shared_task(name="chatsphere.apps.evaluation.tasks.sweep_evaluations")
def sweep_evaluations() -> None:
    """Each ten seconds: wake workers for what is due."""
    sweep.sweep()
