"""A thread a process that does small regular things every few seconds: follow the wished-for log levels, publish figures."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from chatsphere.core import log_levels

logger = logging.getLogger("chatsphere.lifespan")
SECONDS = 5.0

_tasks: list[Callable[[], None]] = [log_levels.follow]
_running: dict[int, tuple[threading.Thread, threading.Event]] = {}  # by process: a fork has no threads of its parent


def every_few_seconds(task: Callable[[], None]) -> None:
    """Have ``task`` called in each process that serves or works. It must end in milliseconds."""
    _tasks.append(task)


def start() -> None:
    """Begin, once a process; after a fork each child begins anew."""
    if os.getpid() not in _running:
        stop = threading.Event()
        thread = threading.Thread(target=_run, args=(stop,), name="ticker", daemon=True)
        _running.clear()
        _running[os.getpid()] = thread, stop
        thread.start()


def stop() -> None:
    """End, after everything was done once more."""
    thread, done = _running.pop(os.getpid(), (None, None))
    if thread is not None and done is not None:
        done.set()
        thread.join(timeout=2.0)


def tick() -> None:
    """Do all of it now. One failure does not keep the others."""
    for task in _tasks:
        try:
            task()
        except Exception:
            logger.exception("Something regular could not be done")


def _run(done: threading.Event) -> None:
    tick()
    while not done.wait(SECONDS):
        tick()
    tick()
