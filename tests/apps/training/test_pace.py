"""Several workers ask one host no more often than one would."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError as RedisAway

from chatsphere.apps.training.pace import SharedPace


def seconds_of(pace: SharedPace, host: str) -> float:
    begun = time.monotonic()
    pace.wait(host, 1.0)
    return time.monotonic() - begun


def test_two_workers_take_turns_at_a_host() -> None:
    host, other = f"{uuid4()}.example", f"{uuid4()}.example"
    SharedPace().wait(host, 1.0)
    begun = time.monotonic()
    SharedPace().wait(host, 1.0)
    assert time.monotonic() - begun > 0.5
    begun = time.monotonic()
    SharedPace().wait(other, 1.0)
    assert time.monotonic() - begun < 0.5


def test_without_redis_a_worker_keeps_its_own_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*arguments: object, **options: object) -> None:
        raise RedisAway

    monkeypatch.setattr(cache, "add", away)
    pace, host = SharedPace(), f"{uuid4()}.example"
    assert seconds_of(pace, host) < 0.5
    assert 0.5 < seconds_of(pace, host) < 1.5
