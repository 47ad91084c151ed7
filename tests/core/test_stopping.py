"""Processes of a worker learn that it shall stop, and only these."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from chatsphere.core import stopping


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    stopping._asked = None


def seen_by_a_fork(*, asks: bool) -> bool:
    """Whether a process that was forked before knows of it."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(told, 1)
        os._exit(stopping.is_asked())
    if asks:
        stopping.ask()
    os.write(tell, b"!")
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 1


def test_forks_learn_of_it() -> None:
    stopping.listen()
    assert not seen_by_a_fork(asks=False)
    assert seen_by_a_fork(asks=True)


def test_another_worker_is_asked_apart() -> None:
    stopping.listen()
    stopping.ask()
    stopping.listen()
    assert not stopping.is_asked()


def test_nothing_stops_where_nobody_listens() -> None:
    stopping.ask()
    assert not stopping.is_asked()
