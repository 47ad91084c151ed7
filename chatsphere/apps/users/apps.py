from django.apps import AppConfig


class UsersConfig(AppConfig):
    name = "chatsphere.apps.users"
    label = "users"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from chatsphere.apps.users import operators  # models exist only now

        operators.watch()
