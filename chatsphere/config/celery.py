"""The Celery application: `celery -A chatsphere.config.celery worker|beat`."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import task_postrun, worker_init, worker_process_init, worker_shutting_down
from django.db import connections

from chatsphere.config import choose_settings
from chatsphere.core import allocator, stopping, task_context

__all__ = ["app", "task_context"]  # which waits for Celery's signals

choose_settings()
app = Celery("chatsphere")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def _before_the_fork(**_: Any) -> None:
    allocator.give_large_blocks_back()
    stopping.listen()


@worker_shutting_down.connect
def _hand_over(**_: Any) -> None:
    stopping.ask()


@worker_process_init.connect
def _forget_inherited_connections(**_: Any) -> None:
    """A forked worker opens connections of its own: those of the parent, and the threads of its pools, do not live here."""
    for each in connections.all(initialized_only=True):
        pools: dict[str, Any] = getattr(each, "_connection_pools", {})
        pools.clear()
        each.connection = None


@task_postrun.connect
def _give_connections_back(**_: Any) -> None:
    """To the process's pool, where the next task finds them; Celery itself would close the pool (see CELERY_DB_REUSE_MAX)."""
    for each in connections.all(initialized_only=True):
        each.close()
