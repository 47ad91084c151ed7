"""One hint for many: what is sent while a hint of the same task waits to be taken, and what is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction

from chatsphere.core import hints
from chatsphere.core.redis_clients import sync_client

pytestmark = pytest.mark.django_db(transaction=True)

TASK = "tests.core.hints.look"


@pytest.fixture(autouse=True)
def nothing_on_its_way() -> Iterator[None]:
    hints.hint_is_taken(TASK)
    yield
    hints.hint_is_taken(TASK)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def send(name: str, *_: str, queue: str = "default", countdown: float = 0) -> bool:
        names.append(f"{queue}/{name}")
        return True

    monkeypatch.setattr(hints, "_quiet_until", 0.0)
    monkeypatch.setattr(hints, "send_hint", send)
    return names


def commit() -> None:
    with transaction.atomic():
        hints.hint_once_after_commit(TASK, "id", queue="ingest")


def test_one_hint_serves_all_until_a_worker_has_taken_it(sent: list[str]) -> None:
    for _ in range(3):
        commit()
    assert sent == [f"ingest/{TASK}"]
    hints.hint_is_taken(TASK)
    commit()
    assert len(sent) == 2


def test_a_hint_that_nobody_takes_is_sent_again(sent: list[str]) -> None:
    commit()
    assert 0 < sync_client().pttl(f"chatsphere:hint:{TASK}") <= hints.ON_ITS_WAY_SECONDS * 1000
    sync_client().delete(f"chatsphere:hint:{TASK}")  # as it runs out
    commit()
    assert len(sent) == 2


def test_a_hint_that_could_not_be_sent_is_not_waited_for(sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "send_hint", lambda *_, **__: False)
    commit()
    assert not sync_client().exists(f"chatsphere:hint:{TASK}")


def test_without_redis_it_is_left_to_the_ordinary_way(sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise ConnectionError

    monkeypatch.setattr(hints, "sync_client", away)
    commit()
    hints.hint_is_taken(TASK)
    assert sent == [f"ingest/{TASK}"]
