"""Waiting for other people's servers without keeping the worker from somebody who waits for it.

A visit runs in a thread of its own. When a source that somebody has just added waits for a worker, the visit is left to itself and the
run goes back to the queue; taken up again by the same process, it finds the answer, or goes on waiting for it. So no server is asked
twice, and a slow one is read to its end however often others come in between.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar
from uuid import UUID

from chatsphere.apps.training.actions import ONE_SOURCE
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.models import Run
from chatsphere.apps.training.pipeline import MakeRoom
from chatsphere.core import durable, stopping

PATIENT_SECONDS: Final = 1.0  # for which everybody waits: most visits have ended by then
LOOK_SECONDS: Final = 0.5  # between two looks; who has waited so long has found no free worker
KEPT_SECONDS: Final = 900.0  # then a run that has not come back is not expected any more
MOST_KEPT: Final = 4

T = TypeVar("T")
_left: dict[tuple[UUID, str], tuple[float, Future[Any]]] = {}  # of this process, which does one run at a time


def answer_of(run: Run, what: str, visit: Callable[[], T], *, lost: threading.Event) -> T:
    """What ``visit`` returns or raises. It runs in another thread, so it must not use the database; ``what`` tells the visits of a run apart.

    Raises MakeRoom when somebody waits for this worker or it shall stop, LostLease when the run is no longer ours. One query each half
    second after the first.
    """
    key = (run.pk, what)
    left = _left.pop(key, None)
    future: Future[T] = left[1] if left else _begun(visit)
    look_at = time.monotonic() + PATIENT_SECONDS
    while not _has_ended(future, until=look_at):
        if lost.is_set():
            raise durable.LostLease
        if stopping.is_asked() or sql("somebody_waits", {"priority": ONE_SOURCE, "seconds": LOOK_SECONDS}):
            _leave(key, future)
            raise MakeRoom
        look_at = time.monotonic() + LOOK_SECONDS
    return future.result()


def _begun(visit: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(visit())
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            future.set_exception(error)

    threading.Thread(target=work, daemon=True, name="visit").start()
    return future


def _has_ended(future: Future[Any], *, until: float) -> bool:
    try:
        future.exception(max(until - time.monotonic(), 0.0))
    except TimeoutError:
        return False
    return True


def _leave(key: tuple[UUID, str], future: Future[Any]) -> None:
    now = time.monotonic()
    for old in [old for old, (since, _) in _left.items() if now - since > KEPT_SECONDS]:
        del _left[old]
    if len(_left) >= MOST_KEPT:
        del _left[next(iter(_left))]
    _left[key] = now, future
