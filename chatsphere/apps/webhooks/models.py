"""Events that happened, the endpoints that want to hear of them, and each telling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from chatsphere.core.durable import DurableState, DurableWork
from chatsphere.core.encryption import EncryptedTextField
from chatsphere.core.tenancy import SameWorkspace, TenantChild, TenantModel, WorkspaceQuerySet, parent_key, tenant_key

EVERY_EVENT = "*"


class Event(TenantModel):
    """Written in the transaction that causes it (a transactional outbox); its id is the ``webhook-id`` of every delivery.

    ``fanned_out_at`` is empty until there is a delivery for each endpoint that wants it.
    """

    type = models.CharField(max_length=60)
    schema_version = models.SmallIntegerField(default=1)
    chatbot_id = models.UUIDField(null=True, blank=True)
    object_id = models.UUIDField(null=True, blank=True)
    payload = models.JSONField(default=dict)
    occurred_at = models.DateTimeField(auto_now_add=True)
    fanned_out_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (tenant_key("webhooks_event"),)
        indexes = (
            models.Index(fields=["workspace", "-occurred_at"], name="webhooks_event_by_time"),
            models.Index(fields=["id"], condition=models.Q(fanned_out_at=None), name="webhooks_event_to_fan_out"),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"

    @property
    def data(self) -> dict[str, Any]:
        """What endpoints are told, as ``told_data`` puts it together."""
        return told_data(self.payload, object_id=self.object_id, chatbot_id=self.chatbot_id)


def told_data(payload: Mapping[str, Any], *, object_id: UUID | None, chatbot_id: UUID | None) -> dict[str, Any]:
    """The payload, before it under the same names in every event: ``id`` of what the event is about, ``chatbot_id`` of its chatbot."""
    ids = {"id": object_id, "chatbot_id": chatbot_id}
    return {**{name: str(value) for name, value in ids.items() if value is not None}, **payload}


class EndpointManager(models.Manager.from_queryset(WorkspaceQuerySet)):  # type: ignore[misc]  # made at run time
    """Leaves the secrets in the database until somebody asks for one: few need them, and one that cannot be decrypted stops nobody."""

    def get_queryset(self) -> Any:
        return super().get_queryset().defer("secret", "previous_secret")


class Endpoint(TenantModel):
    """An address of the customer's. ``events`` and ``chatbot_ids`` narrow what it hears; no chatbots named: all of them.

    ``failing_since`` is when the first attempt failed after the last one that succeeded.
    """

    class Disabled(models.TextChoices):
        GONE = "gone", "It answered 410 Gone."
        FAILING = "failing", "It failed for five days."
        BY_MEMBER = "by_member", "A member switched it off."

    url = models.TextField()
    description = models.CharField(max_length=500, blank=True)
    events = ArrayField(models.CharField(max_length=60))
    chatbot_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=12, choices=Disabled.choices, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    secret = EncryptedTextField()
    previous_secret = EncryptedTextField(blank=True)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = EndpointManager()

    class Meta:
        constraints = (tenant_key("webhooks_endpoint"),)
        indexes = (models.Index(fields=["workspace", "-created_at"], name="webhooks_endpoint_by_time"),)

    def __str__(self) -> str:
        return self.url

    def wants(self, event: Event) -> bool:
        """Whether it asked to hear of this. Events of before its time are not for it."""
        is_named = event.type in self.events or EVERY_EVENT in self.events
        is_near = not self.chatbot_ids or event.chatbot_id in self.chatbot_ids
        return is_named and is_near and self.created_at <= event.occurred_at


class Delivery(TenantChild, DurableWork):  # type: ignore[misc, unused-ignore]  # both bases bring a manager
    """One event on its way to one endpoint. ``errors`` counts failed attempts since it was queued last."""

    endpoint = parent_key("webhooks.Endpoint", related_name="deliveries")
    event = parent_key("webhooks.Event", related_name="deliveries", index=True)
    response_status = models.IntegerField(null=True, blank=True)
    duration_ms = models.IntegerField(null=True, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = (
            tenant_key("webhooks_delivery"),
            SameWorkspace(field="endpoint", name="webhooks_delivery_endpoint_same_workspace"),
            SameWorkspace(field="event", name="webhooks_delivery_event_same_workspace"),
            models.UniqueConstraint(fields=["endpoint", "event"], name="webhooks_delivery_once"),
        )
        indexes = (
            models.Index(
                fields=["endpoint", "available_at"],
                condition=models.Q(state=DurableState.QUEUED),
                name="webhooks_delivery_queue",
            ),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state=DurableState.RUNNING),
                name="webhooks_delivery_running",
            ),
            models.Index(fields=["endpoint", "-id"], name="webhooks_delivery_log"),
        )

    def __str__(self) -> str:
        return f"{self.state} {self.pk}"


class Attempt(TenantChild):
    """One try of a delivery. The body of the endpoint's answer is never kept."""

    delivery = parent_key("webhooks.Delivery", related_name="attempts", index=True)
    number = models.IntegerField()
    response_status = models.IntegerField(null=True, blank=True)
    error_type = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    duration_ms = models.IntegerField()

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            SameWorkspace(field="delivery", name="webhooks_attempt_same_workspace"),
            models.UniqueConstraint(fields=["delivery", "number"], name="webhooks_attempt_once"),
        )

    def __str__(self) -> str:
        return f"attempt {self.number}"
