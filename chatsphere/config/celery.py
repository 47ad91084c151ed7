"""The Celery application: `celery -A chatsphere.config.celery worker|beat`."""

from __future__ import annotations

from celery import Celery

from chatsphere.config import choose_settings

choose_settings()
app = Celery("chatsphere")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
