"""Several workers ask one host no more often than one would."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from redis.exceptions import ConnectionError as RedisAway

from chatsphere.apps.training import pace as paces
from chatsphere.apps.training.pace import SharedPace
from chatsphere.services.errors import FetchFailed


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

    monkeypatch.setattr(paces, "sync_client", away)
    pace, host = SharedPace(), f"{uuid4()}.example"
    assert seconds_of(pace, host) < 0.5
    assert 0.5 < seconds_of(pace, host) < 1.5


def test_turns_are_kept_for_who_asked_first() -> None:
    host, pace = f"{uuid4()}.example", SharedPace()
    assert pace.turn(host, 0.5, "first") == 0.0
    second, third = pace.turn(host, 0.5, "second"), pace.turn(host, 0.5, "third")
    assert 0.3 < second <= 0.5
    assert 0.8 < third <= 1.0
    assert pace.turn(host, 0.5, "second") <= second, "asking again costs no place"
    time.sleep(1.1)
    assert pace.turn(host, 0.5, "third") == 0.0
    assert pace.turn(host, 0.5, "second") > 0.3, "who comes late keeps the distance, too"


def test_a_request_that_follows_moves_the_next_turn() -> None:
    host, pace = f"{uuid4()}.example", SharedPace()
    assert pace.turn(host, 1.0, "first") == 0.0
    pace.follow(host, 0.3)
    assert pace.turn(host, 1.0, "second") > 0.9


def test_nobody_waits_long_at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    host, slept = f"{uuid4()}.example", list[float]()
    pace = SharedPace(slept.append)
    for number in range(40):
        pace.turn(host, 1.0, f"run {number}")
    with pytest.raises(FetchFailed):
        pace.wait(host, 1.0)
    monkeypatch.setattr(paces, "HORIZON_SECONDS", 10.0)
    assert 5.0 <= pace.turn(host, 1.0, "late") <= 10.0, "the line is longer; who comes later has a chance, too"
    assert slept == []
