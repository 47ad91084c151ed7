"""Threads for views that are no coroutines: lent to a request for as long as it lasts, and then to the next one.

asgiref makes a thread for each request and waits for its end, which costs as much as a small view does. A thread that is used again also
keeps Django's connection objects (not the connections, which go back to their pool behind each view).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from threading import Lock
from typing import Any

MOST_IDLE = 16

_idle: list[ThreadPoolExecutor] = []
_lock = Lock()


class LentThread(Executor):
    """One thread, taken at the first call: whoever never calls never has one. Calls run one after the other."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._last: Future[Any] | None = None

    @property
    def is_used(self) -> bool:
        """Whether there was a call."""
        return self._thread is not None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._thread is None:
            self._thread = _take()
        self._last = self._thread.submit(fn, *args, **kwargs)
        return self._last

    def give_back(self) -> None:
        """The request is over. What still runs, since its client left, keeps the thread until it ends."""
        thread, last = self._thread, self._last
        if thread is not None and last is not None:
            last.add_done_callback(lambda _done: _put(thread))


def _take() -> ThreadPoolExecutor:
    with _lock:
        if _idle:
            return _idle.pop()
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="view")


def _put(thread: ThreadPoolExecutor) -> None:
    with _lock:
        if len(_idle) < MOST_IDLE:
            _idle.append(thread)
            return
    thread.shutdown(wait=False)
