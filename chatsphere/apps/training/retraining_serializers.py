"""What retrainings look like over HTTP."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers

from chatsphere.apps.training.models import Retraining
from chatsphere.apps.training.serializers import ErrorField
from chatsphere.core.durable import DurableState
from chatsphere.core.query import SparseFields

_PROGRESS = inline_serializer(
    "RetrainingProgress",
    {"done": serializers.IntegerField(), "total": serializers.IntegerField(), "unit": serializers.CharField()},
)
_CHUNKING = "How documents are cut anew, in words; empty: they stay as they are."


class RetrainFilters(serializers.Serializer[Any]):
    """Options of a retraining."""

    dry_run = serializers.BooleanField(required=False, help_text="Only say what it would do and cost.")


class EstimateAnswer(serializers.Serializer[Any]):
    """What a retraining would do and cost."""

    is_needed = serializers.BooleanField(help_text="Something is trained in another way than the configuration says.")
    current_model = serializers.CharField(help_text="Whose vectors answer now; empty: nothing is trained yet.")
    model = serializers.CharField(help_text="Whose vectors shall answer.")
    chunking = serializers.DictField(child=serializers.IntegerField(), help_text=_CHUNKING)
    documents = serializers.IntegerField(help_text="To be read again.")
    chunks = serializers.IntegerField(help_text="To be embedded, as many as there are now.")
    untold = serializers.IntegerField(
        help_text="Chunks of which only the meaning of their words is to be read; an earlier release has embedded them. Costs nothing."
    )
    tokens = serializers.IntegerField()
    cost_micros = serializers.IntegerField(help_text="By the operator's price list; 0 for a model without a price.")
    currency = serializers.CharField()
    seconds = serializers.IntegerField(
        allow_null=True, help_text="Of embedding, as fast as this workspace's last runs with this model; null: unknown."
    )


class RetrainingSerializer(SparseFields):
    """A retraining. What answered before answers until `phase` is `clean`; then the new vectors answer and the old ones are removed."""

    id = serializers.UUIDField()
    chatbot = serializers.UUIDField(source="chatbot_id")
    state = serializers.ChoiceField(DurableState.choices)
    phase = serializers.ChoiceField(Retraining.Phase.choices)
    from_model = serializers.CharField()
    to_model = serializers.CharField()
    chunking = serializers.DictField(child=serializers.IntegerField(), help_text=_CHUNKING)
    attempt = serializers.IntegerField()
    error = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    chunks_embedded = serializers.IntegerField(help_text="With the new model, or read for the meaning of their words.")
    tokens = serializers.IntegerField()
    cost_micros = serializers.IntegerField()
    steps = serializers.DictField(child=serializers.DictField())
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    switched_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(ErrorField(allow_null=True))
    def get_error(self, row: Retraining) -> dict[str, str] | None:
        return {"type": row.error_type, "message": row.error_message} if row.error_type else None

    @extend_schema_field(_PROGRESS)
    def get_progress(self, row: Retraining) -> dict[str, Any]:
        unit = "documents" if row.phase == Retraining.Phase.READ else "chunks"
        return {"done": row.progress_done, "total": row.progress_total, "unit": unit}
