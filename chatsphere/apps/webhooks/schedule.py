"""When a delivery that failed is tried again: ten attempts over three days."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Final

MINUTE, HOUR = 60.0, 3600.0
DELAYS: Final = (5.0, *(5 * MINUTE, 30 * MINUTE), *(hours * HOUR for hours in (2, 5, 10, 14, 20, 24)))
JITTER: Final = 0.1
LONGEST_WAIT: Final = 24 * HOUR
DISABLE_AFTER: Final = timedelta(days=5)


def next_delay(failures: int, *, retry_after: float | None = None) -> float | None:
    """Seconds to wait after so many failures in a row (1 or more); None when it was the last attempt.

    The endpoint's own Retry-After makes a wait longer, never shorter, and not longer than a day.
    """
    if failures > len(DELAYS):
        return None
    planned = DELAYS[failures - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - jitter
    return max(planned, min(retry_after or 0.0, LONGEST_WAIT))
