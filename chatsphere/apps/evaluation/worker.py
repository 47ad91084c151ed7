"""Does evaluations and generations: claims the row, works in slices, writes each answer before the next is asked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from threading import Event
from typing import Any

from django.db import transaction

from chatsphere.apps.evaluation import asking, writing
from chatsphere.apps.evaluation.actions import asked_in
from chatsphere.apps.evaluation.comparing import result_rows
from chatsphere.apps.evaluation.models import Evaluation, Generation, Result, TestQuestion
from chatsphere.apps.evaluation.scoring import summarise
from chatsphere.apps.webhooks.actions import announce
from chatsphere.core import durable
from chatsphere.core.exceptions import QuotaExceeded
from chatsphere.services.errors import PermanentError, RetryableError

logger = logging.getLogger("chatsphere.evaluation")
AT_ONCE = 4  # questions


def work(evaluation_id: str, *, ends_at: float) -> bool:
    """Ask questions until none is left (False) or until this moment of ``time.monotonic`` (True: come back)."""
    evaluation = durable.claim(Evaluation, evaluation_id)
    if evaluation is None:
        return False
    try:
        with durable.kept_alive(evaluation) as lost:
            return _attempt(evaluation, lost, ends_at)
    except durable.LostLease:
        logger.info("Evaluation %s was taken over or cancelled.", evaluation_id)
        return False


def write(generation_id: str) -> None:
    """Write the questions of a generation."""
    generation = durable.claim(Generation, generation_id)
    if generation is None:
        return
    try:
        with durable.kept_alive(generation):
            _guarded(generation, lambda: writing.write(generation))
    except durable.LostLease:
        logger.info("Generation %s was taken over or deleted.", generation_id)


def _attempt(evaluation: Evaluation, lost: Event, ends_at: float) -> bool:
    is_unfinished = _guarded(evaluation, lambda: _ask_all(evaluation, lost, ends_at))
    return bool(is_unfinished)


def _guarded(row: Any, do: Any) -> Any:
    """What ``do`` gives; every error ends or postpones the row, None then."""
    try:
        return do()
    except durable.LostLease:
        raise
    except RetryableError as error:
        durable.retry_later(row, error_type=error.type, message=error.message, after=error.retry_after)
    except PermanentError as error:
        durable.fail(row, error_type=error.type, message=error.message)
    except QuotaExceeded as error:
        durable.fail(row, error_type=error.type, message=str(error.message))
    except Exception:  # a bug must not leave the row to the leases, which would repeat it ten times
        logger.exception("%s %s failed unexpectedly.", type(row).__name__, row.pk)
        durable.retry_later(row, error_type="internal_error", message="Something went wrong on our side.")
    return None


def _ask_all(evaluation: Evaluation, lost: Event, ends_at: float) -> bool:
    waiting = _unanswered(evaluation)
    with asyncio.Runner() as runner:
        try:
            for start in range(0, len(waiting), AT_ONCE):
                if lost.is_set():
                    raise durable.LostLease
                if start and time.monotonic() > ends_at:
                    durable.release(evaluation)
                    return True
                _ask_some(evaluation, waiting[start : start + AT_ONCE], runner)
        finally:
            runner.run(asking.close_engines())
    _finish(evaluation)
    return False


def _unanswered(evaluation: Evaluation) -> list[TestQuestion]:
    done = Result.objects.in_workspace(evaluation.workspace_id).filter(evaluation_id=evaluation.pk)
    return list(asked_in(evaluation).exclude(pk__in=done.values("question_id")).order_by("id"))


def _ask_some(evaluation: Evaluation, questions: Sequence[TestQuestion], runner: asyncio.Runner) -> None:
    """Quota first, then the answers, then all that is to be remembered in one transaction."""
    with asking.quota_held(evaluation, questions) as quota:
        results = runner.run(asking.ask(evaluation, questions))
        with transaction.atomic():
            durable.hold(evaluation)
            Result.objects.bulk_create(results)
            quota.settle(results)
            evaluation.done_count += len(results)
            Evaluation.objects.filter(pk=evaluation.pk).update(done_count=evaluation.done_count, errors=0, crashes=0)


def _finish(evaluation: Evaluation) -> None:
    summary = summarise(result_rows(evaluation))
    with transaction.atomic():
        durable.hold(evaluation)
        Evaluation.objects.filter(pk=evaluation.pk).update(summary=summary, done_count=summary["questions"])
        durable.succeed(evaluation)
        announce(
            workspace_id=evaluation.workspace_id,
            type="evaluation.completed",
            chatbot_id=evaluation.chatbot_id,
            object_id=evaluation.pk,
            payload={
                "evaluation_id": str(evaluation.pk),
                "chatbot_id": str(evaluation.chatbot_id),
                "test_set_id": str(evaluation.test_set_id),
                "version": evaluation.version,
                "summary": summary,
            },
        )
