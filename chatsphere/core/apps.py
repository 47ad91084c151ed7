from django.apps import AppConfig

from chatsphere.core import slow_queries


class CoreConfig(AppConfig):
    name = "chatsphere.core"
    label = "core"

    def ready(self) -> None:
        slow_queries.watch()
