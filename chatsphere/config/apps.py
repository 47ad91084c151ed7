"""The project itself as an app of Django, so that every process knows its Celery application; and django-waffle as we use it."""

from django.apps import AppConfig

from chatsphere.config import celery


class PlatformConfig(AppConfig):
    """Web processes and commands publish hints through the same broker that workers read."""

    name = "chatsphere.config"
    label = "platform"
    celery_app = celery.app


class FlagsConfig(AppConfig):
    """django-waffle without its signals: they empty a cache that our flags do not use, and expect flags that know users and groups."""

    name = "waffle"
    default_auto_field = "django.db.models.AutoField"
