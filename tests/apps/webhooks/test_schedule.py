"""Ten attempts over three days."""

from __future__ import annotations

import pytest

from chatsphere.apps.webhooks.schedule import DELAYS, JITTER, next_delay

SECONDS = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


@pytest.mark.parametrize(("failures", "planned"), list(enumerate(SECONDS, start=1)))
def test_waits_grow_with_some_jitter(failures: int, planned: float) -> None:
    delays = {next_delay(failures) for _ in range(20)}

    assert len(delays) > 1
    assert all(delay and abs(delay - planned) <= planned * JITTER for delay in delays)


def test_the_tenth_failure_is_the_last() -> None:
    assert len(DELAYS) == 9
    assert next_delay(10) is None


def test_the_endpoint_may_ask_for_more_time_but_not_for_less_or_for_ever() -> None:
    assert next_delay(1, retry_after=60) == 60
    assert (next_delay(2, retry_after=1) or 0) > 200
    assert next_delay(1, retry_after=10**9) == 24 * 3600
