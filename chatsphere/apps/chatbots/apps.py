from uuid import UUID

from django.apps import AppConfig


class ChatbotsConfig(AppConfig):
    name = "chatsphere.apps.chatbots"
    label = "chatbots"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from chatsphere.apps.chatbots.models import Chatbot  # models exist only now
        from chatsphere.apps.users.quota import Metric, count_live

        def count(workspace_id: UUID) -> int:
            return int(Chatbot.objects.in_workspace(workspace_id).filter(deleted_at=None).count())

        count_live(Metric.CHATBOTS, count)
