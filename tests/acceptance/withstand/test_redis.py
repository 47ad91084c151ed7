"""Redis is flushed, restarted and gone while people work: its contents are hints, counters and copies, never the truth."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from tests.acceptance.withstand.conftest import House, well_again

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BEFORE = 3.0  # seconds of work before it breaks
AWAY = 20.0


def test_redis_is_flushed(house: House) -> None:
    with house.traffic(house.account()) as traffic:
        time.sleep(BEFORE)
        for _time in range(3):
            Redis.from_url(house.redis.url).flushall()
            time.sleep(2)
        well_again(house, traffic, "Redis flushed three times", time.monotonic())
    house.reconciled()


def test_redis_is_restarted(house: House) -> None:
    with house.traffic(house.account()) as traffic:
        time.sleep(BEFORE)
        house.redis.stop()
        house.redis.start()
        well_again(house, traffic, "Redis restarted", time.monotonic())
    house.reconciled()


def test_redis_is_absent(house: House) -> None:
    with house.traffic(house.account()) as traffic:
        time.sleep(BEFORE)
        house.redis.stop()
        began, seen = time.monotonic(), len(traffic.seen)
        time.sleep(AWAY)
        meanwhile = [each for each in traffic.seen[seen:] if each.began >= began]
        refused = [each for each in meanwhile if not each.is_fine]
        assert meanwhile, "nobody was served while Redis was away"
        assert not refused, f"while Redis was away, users saw {refused[:5]}, {len(refused)} of {len(meanwhile)}"
        house.redis.start()
        well_again(house, traffic, f"Redis absent for {AWAY:.0f} s", time.monotonic())
    house.reconciled()
