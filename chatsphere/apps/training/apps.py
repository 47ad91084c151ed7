from uuid import UUID

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "chatsphere.apps.training"
    label = "training"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models import Sum

        from chatsphere.apps.training.models import TrainingSource  # models exist only now
        from chatsphere.apps.users.quota import Metric, count_live

        def count(workspace_id: UUID) -> int:
            sources = TrainingSource.objects.in_workspace(workspace_id)
            return int(sources.aggregate(total=Sum("bytes"))["total"] or 0)

        count_live(Metric.STORAGE, count)
