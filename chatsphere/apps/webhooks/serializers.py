"""What goes in and out of the webhooks' endpoints."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from chatsphere.apps.webhooks.catalogue import EVENT_TYPES
from chatsphere.apps.webhooks.models import EVERY_EVENT, Delivery, Endpoint
from chatsphere.apps.webhooks.sending import fetcher
from chatsphere.core.durable import DurableState
from chatsphere.core.query import SparseFields
from chatsphere.core.quick_fields import QuickFields
from chatsphere.core.serializers import StrictSerializer
from chatsphere.services.errors import FetchRefused

SUBSCRIBABLE = [EVERY_EVENT, *(name for name in EVENT_TYPES if name != "webhook.test")]


class EndpointSerializer(SparseFields):
    """An address that hears of events."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField())
    chatbots = serializers.ListField(child=serializers.UUIDField(), source="chatbot_ids")
    description = serializers.CharField()
    is_active = serializers.BooleanField()
    disabled_reason = serializers.ChoiceField(
        choices=[*Endpoint.Disabled.values, ""], help_text=gettext_lazy("Why it is off; empty while it is on.")
    )
    disabled_at = serializers.DateTimeField(allow_null=True)
    failing_since = serializers.DateTimeField(
        allow_null=True,
        help_text=gettext_lazy("The first failure after the last success; after five days it is switched off."),
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class EndpointWithSecret(EndpointSerializer):
    """The same with its signing secret, which is shown this once."""

    secret = serializers.CharField()


class EndpointInput(StrictSerializer):
    """What a member may say of an endpoint."""

    url = serializers.CharField(max_length=2_000, help_text=gettext_lazy("http or https, on a public host."))
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=SUBSCRIBABLE),
        min_length=1,
        max_length=len(SUBSCRIBABLE),
        help_text=gettext_lazy("Event types, or `*` for all of them."),
    )
    chatbots = serializers.ListField(
        child=serializers.UUIDField(),
        source="chatbot_ids",
        required=False,
        max_length=100,
        help_text=gettext_lazy("Only events of these chatbots; empty: of all."),
    )
    description = serializers.CharField(required=False, allow_blank=True, max_length=500)
    is_active = serializers.BooleanField(required=False)

    def validate_url(self, value: str) -> str:
        try:
            return fetcher().check(value).url
        except FetchRefused as error:
            raise serializers.ValidationError(error.message) from error

    def validate_events(self, value: list[str]) -> list[str]:
        return list(dict.fromkeys(value))


class EndpointFilters(serializers.Serializer[Any]):
    """How a list of endpoints can be narrowed."""

    is_active = serializers.BooleanField(required=False)


class AttemptSerializer(QuickFields, serializers.Serializer[Any]):
    """One try. The body of the endpoint's answer is not kept."""

    number = serializers.IntegerField()
    at = serializers.DateTimeField(source="created_at")
    response_status = serializers.IntegerField(allow_null=True)
    duration_ms = serializers.IntegerField()
    error_type = serializers.CharField()
    error_message = serializers.CharField()


class DeliverySerializer(QuickFields, serializers.Serializer[Any]):
    """One event on its way to one endpoint."""

    id = serializers.UUIDField()
    endpoint = serializers.UUIDField(source="endpoint_id")
    event_id = serializers.UUIDField(help_text=gettext_lazy("The `webhook-id` of every attempt."))
    event_type = serializers.CharField(source="event.type")
    state = serializers.ChoiceField(choices=DurableState.choices)
    attempts = serializers.IntegerField(source="attempt")
    response_status = serializers.IntegerField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True)
    error_type = serializers.CharField()
    error_message = serializers.CharField()
    next_attempt_at = serializers.SerializerMethodField(help_text=gettext_lazy("Null when nothing is planned."))
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_next_attempt_at(self, delivery: Delivery) -> str | None:
        return delivery.available_at.isoformat() if delivery.state == DurableState.QUEUED else None


class DeliveryDetailSerializer(DeliverySerializer):
    """The same with what is sent and every attempt."""

    data = serializers.JSONField(source="event.data")  # type: ignore[assignment]  # DRF keeps fields apart
    log = AttemptSerializer(many=True, source="attempts.all")


class DeliveryFilters(serializers.Serializer[Any]):
    """How a log of deliveries can be narrowed."""

    state = serializers.ChoiceField(choices=DurableState.choices, required=False)
    event_type = serializers.ChoiceField(choices=EVENT_TYPES, required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class RedeliverInput(StrictSerializer):
    """From when on to send again."""

    since = serializers.DateTimeField()
    only_failed = serializers.BooleanField(
        required=False, help_text=gettext_lazy("False sends what arrived as well. Default true.")
    )


class RedeliverOutput(serializers.Serializer[Any]):
    """How much was queued."""

    queued = serializers.IntegerField()


class EventTypeSerializer(serializers.Serializer[Any]):
    """An event type, the JSON Schema of its message and an example."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    description = serializers.CharField()
    schema = serializers.JSONField()
    example = serializers.JSONField()
