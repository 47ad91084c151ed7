"""What the clock does: finds due evaluations whose hint was lost or whose worker died."""

from __future__ import annotations

from django.utils import timezone

from chatsphere.apps.evaluation.hints import RUN_EVALUATION, RUN_GENERATION
from chatsphere.apps.evaluation.models import Evaluation, Generation
from chatsphere.apps.training.hints import INGEST
from chatsphere.core.durable import due
from chatsphere.core.hints import send_hint

MOST = 50  # rows a sweep


def sweep() -> None:
    """Send a hint for each due row. Harmless when repeated: a row is claimed once."""
    for model, task in ((Evaluation, RUN_EVALUATION), (Generation, RUN_GENERATION)):
        for pk in model.objects.filter(due(timezone.now())).order_by("id").values_list("pk", flat=True)[:MOST]:
            send_hint(task, str(pk), queue=INGEST)
