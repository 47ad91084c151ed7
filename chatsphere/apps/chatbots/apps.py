from django.apps import AppConfig


class ChatbotsConfig(AppConfig):
    name = "chatsphere.apps.chatbots"
    label = "chatbots"
    default_auto_field = "django.db.models.BigAutoField"
