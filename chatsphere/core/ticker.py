"""A thread a process that does small regular things every few seconds: follow the wished-for log levels, publish figures, say that it lives."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from chatsphere.core import error_reports, log_levels, metric_files, metrics, presence, tracing

logger = logging.getLogger("chatsphere.lifespan")
SECONDS = 5.0

_tasks: list[Callable[[], None]] = [log_levels.follow, metric_files.publish, presence.publish]
_running: dict[int, tuple[threading.Thread, threading.Event]] = {}  # by process: a fork has no threads of its parent


def start() -> None:
    """Begin, once a process; after a fork each child begins anew."""
    if os.getpid() not in _running:
        metrics.forget()
        tracing.set_up()
        error_reports.set_up()
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
        presence.withdraw()
        tracing.end()
        error_reports.end()


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
