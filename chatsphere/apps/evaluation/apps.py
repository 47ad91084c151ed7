from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "chatsphere.apps.evaluation"
    label = "evaluation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from chatsphere.apps.chatbots.publishing import before_publishing  # models exist only now
        from chatsphere.apps.evaluation.gate import check

        before_publishing(check)
