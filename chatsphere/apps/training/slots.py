"""How many workers read the web at the same time: never all of them, so that files and texts always find one that does not wait.

A web source occupies a worker while a server makes up its mind, up to half a minute a page. All workers of the deployment count, on
whatever machine. Where there is a single one it reads the web too, in slices.
"""

from __future__ import annotations

import logging
import random
import time
from typing import Final

from django.conf import settings
from django.db import transaction

from chatsphere.apps.training import outcomes
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.models import Run
from chatsphere.apps.training.models.source import WEB_TYPES
from chatsphere.core import durable, presence

logger = logging.getLogger("chatsphere.training")

KEPT_SECONDS: Final = 5.0  # a count of workers
ROLE: Final = "worker-ingest"
_counted: tuple[float, int] = (float("-inf"), 0)


def most_at_once() -> int:
    """How many web sources may be worked on at the same time, in the whole deployment. Asks Redis every five seconds."""
    return max(_workers() - 1, 1)


def keeps_place(run: Run) -> bool:
    """Whether a claimed run may be done now. False: it is of the web, other workers were quicker, and it is queued again.

    Two workers may claim web sources in the same moment, each before it sees the other's; here one of them gives way.
    """
    if run.source.source_type not in WEB_TYPES:
        return True
    try:
        with transaction.atomic():
            sql("count_alone", {})
            [counted] = sql("count_web_runs", {"run": run.pk})
            if counted["others"] < most_at_once():
                return True
            outcomes.made_room(run, seconds=random.uniform(0.2, 0.5))  # noqa: S311 - jitter
    except durable.LostLease:
        logger.info("Run %s was cancelled or deleted before it began.", run.pk)
    return False


def _workers() -> int:
    """Processes that train; the own setting where Redis knows of none."""
    global _counted  # one figure a process is the point
    at, number = _counted
    if time.monotonic() - at > KEPT_SECONDS:
        alive = presence.everywhere() or []
        number = sum(each.role == ROLE for each in alive) or settings.WORKER_CONCURRENCY
        _counted = time.monotonic(), number
    return number
