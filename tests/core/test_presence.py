"""Who lives in the whole deployment, in real Redis."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from chatsphere.core import presence, process
from chatsphere.core.redis_clients import sync_client

HOST = socket.gethostname()


@pytest.fixture(autouse=True)
def _a_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(presence, "KEY", f"test:processes:{os.getpid()}")
    monkeypatch.setattr(process, "role", "worker-ingest")
    yield
    sync_client().delete(presence.KEY)


def tell(host: str, *, ago: float) -> None:
    told = {"role": "beat", "memory": 1000, "seconds": 0.5, "at": time.time() - ago}
    sync_client().hset(presence.KEY, f"{host}/77", orjson.dumps(told).decode())


def who() -> list[tuple[str, str, int]]:
    return [(each.role, each.host, each.pid) for each in presence.everywhere() or []]


def test_processes_of_all_machines_are_seen_until_they_end() -> None:
    presence.publish()
    tell("other-machine", ago=3)
    assert who() == [("beat", "other-machine", 77), ("worker-ingest", HOST, os.getpid())]
    assert all(each.memory > 0 and each.seconds > 0 for each in presence.everywhere() or [])
    presence.withdraw()
    assert who() == [("beat", "other-machine", 77)]


def test_who_is_silent_is_not_shown_and_swept_out_later() -> None:
    tell("killed", ago=presence.STALE_SECONDS + 1)
    tell("long-gone", ago=presence.KEPT_SECONDS + 1)
    assert who() == []
    assert sync_client().hkeys(presence.KEY) == [b"killed/77"]


def test_commands_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "role", "")
    presence.publish()
    presence.withdraw()
    assert who() == []


def test_without_redis_nothing_is_known_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise RedisConnectionError

    with monkeypatch.context() as patched:
        patched.setattr("redis.connection.ConnectionPool.get_connection", away)
        patched.setattr("redis.connection.BlockingConnectionPool.get_connection", away)
        presence.publish()
        presence.withdraw()
        assert presence.everywhere() is None
