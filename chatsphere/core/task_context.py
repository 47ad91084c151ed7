"""A hint carries the ids of what it was sent for, so that the lines of web and worker can be put together; and what a worker does is told.

Celery's signals call all of this; ``config.celery`` imports it.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from typing import Any

from celery.signals import (
    beat_init,
    before_task_publish,
    setup_logging,
    task_failure,
    task_postrun,
    task_prerun,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)

from chatsphere.core import context, metrics, ticker, tracing

logger = logging.getLogger("chatsphere.tasks")
HEADER = "chatsphere_ids"
LONG_SECONDS = 5.0  # what lasted so long is worth a line at INFO

_open: dict[str, tuple[float, ExitStack]] = {}  # by id of the task


@setup_logging.connect
def _leave_logging_alone(**_: Any) -> None:
    """Celery would set it up in its own way; the settings have done it already."""


@before_task_publish.connect
def _add_ids(headers: dict[str, Any], **_: Any) -> None:
    ids = {name: value for name, value in context.known().items() if name != "task"}
    ids |= tracing.outgoing()
    if ids:
        headers[HEADER] = ids


@task_prerun.connect
def _enter(task_id: str, task: Any, **_: Any) -> None:
    given = getattr(task.request, HEADER, None)
    ids = {name: str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    stack, parent = ExitStack(), ids.pop(tracing.PARENT, "")
    stack.enter_context(context.bound(request=ids.pop("request_id", ""), task=task.name.rpartition(".")[2], **ids))
    stack.enter_context(tracing.span(f"task {task.name.rpartition('.')[2]}", kind="CONSUMER", parent=parent))
    _open[task_id] = time.perf_counter(), stack


@task_postrun.connect
def _leave(task_id: str, task: Any, state: str | None, **_: Any) -> None:
    began, stack = _open.pop(task_id, (time.perf_counter(), ExitStack()))
    seconds = time.perf_counter() - began
    name = task.name.rpartition(".")[2]
    metrics.tasks.labels(name, state or "unknown").inc()
    metrics.task_seconds.labels(name).observe(seconds)
    level = logging.INFO if seconds >= LONG_SECONDS else logging.DEBUG
    logger.log(level, "task ended", extra={"data": {"state": state, "ms": round(seconds * 1000, 1)}})
    stack.close()


@task_failure.connect
def _failed(exception: BaseException, traceback: Any, **_: Any) -> None:
    logger.error("A task broke off", exc_info=(type(exception), exception, traceback))


@worker_process_init.connect
@beat_init.connect
def _tick(**_: Any) -> None:
    ticker.start()


@worker_ready.connect
def _tick_where_threads_work(sender: Any, **_: Any) -> None:
    """A parent that forks its workers has no thread of its own: a process with threads should not be forked."""
    if not type(sender.pool).__module__.endswith(".prefork"):
        ticker.start()


@worker_process_shutdown.connect
@worker_shutdown.connect
def _tick_once_more(**_: Any) -> None:
    ticker.stop()
