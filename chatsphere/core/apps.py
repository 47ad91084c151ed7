from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "chatsphere.core"
    label = "core"
