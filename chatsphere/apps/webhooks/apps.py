from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "chatsphere.apps.webhooks"
    label = "webhooks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from chatsphere.apps.webhooks import quota_notices  # models exist only now

        quota_notices.connect()
