"""The project itself as an app of Django, so that every process knows its Celery application."""

from django.apps import AppConfig

from chatsphere.config import celery


class PlatformConfig(AppConfig):
    """Web processes and commands publish hints through the same broker that workers read."""

    name = "chatsphere.config"
    label = "platform"
    celery_app = celery.app
