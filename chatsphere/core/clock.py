"""Notices when a clock was set. Times in rows are of the wall clock, which an operator or NTP may set back: what was to be done in ten
seconds would then wait for as long as the step was wide."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from redis import RedisError

from chatsphere.core.durable import clock_went_back, kinds_of_work

logger = logging.getLogger("chatsphere.clock")
LEAST_STEP = timedelta(seconds=2)  # less is drift, which does no harm


class Watch:
    """Compares wall clocks with the monotonic one, which nobody can set. Belongs to one process."""

    def __init__(self) -> None:
        self._before: dict[str, float] = {}

    def step(self, name: str, now: datetime) -> timedelta:
        """How far the clock ``name`` was set since it was shown last: negative when back, zero at first and for less than LEAST_STEP."""
        ahead = now.timestamp() - time.monotonic()
        step = timedelta(seconds=ahead - self._before.get(name, ahead))
        self._before[name] = ahead
        return step if abs(step) >= LEAST_STEP else timedelta()


_watch = Watch()
_NOTICED = "chatsphere:clock-went-back"
_ONCE_IN = 600  # seconds; every worker notices the same step, one mends


def mend_after_step() -> timedelta:
    """Look whether this machine's clock or the database's was set back since this process looked last; if so, move along what waits.

    Returns the step, zero when there was none. Costs one query, and a walk over all open work after a step.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        step = min(_watch.step("database", cursor.fetchone()[0]), _watch.step("machine", timezone.now()), timedelta())
    if step and _is_first():
        mended = sum(clock_went_back(model, step) for model in kinds_of_work())
        logger.warning(
            "A clock was set back by %.0f s; %s rows that wait were moved along.", -step.total_seconds(), mended
        )
    return step


def _is_first() -> bool:
    try:
        return bool(cache.add(_NOTICED, 1, timeout=_ONCE_IN))
    except RedisError:
        return True
