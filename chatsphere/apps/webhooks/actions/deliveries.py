"""Sending again, sending a test, forgetting what is old."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.users import audit
from chatsphere.apps.webhooks.catalogue import CATALOGUE
from chatsphere.apps.webhooks.fan_out import queue
from chatsphere.apps.webhooks.hints import hint
from chatsphere.apps.webhooks.models import Delivery, Endpoint, Event
from chatsphere.core.durable import OPEN_STATES, DurableState
from chatsphere.core.exceptions import Conflict, NotFound

KEPT = timedelta(days=30)
TEST = "webhook.test"
MOST_AT_ONCE = 10_000
PURGED_AT_ONCE = 5_000


@transaction.atomic
def send_test(*, workspace_id: UUID, endpoint_id: UUID) -> Delivery:
    """A ``webhook.test`` for this endpoint alone, through the same queue as any event. Raises NotFound, Conflict (switched off)."""
    endpoint = _active(workspace_id, endpoint_id)
    event = Event.objects.create(
        workspace_id=workspace_id,
        type=TEST,
        schema_version=CATALOGUE[TEST].version,
        payload={"endpoint": str(endpoint.pk)},
        object_id=endpoint.pk,
        fanned_out_at=timezone.now(),
    )
    delivery: Delivery = Delivery.objects.create(workspace_id=workspace_id, endpoint=endpoint, event=event)
    hint()
    return delivery


@transaction.atomic
def redeliver(*, workspace_id: UUID, delivery_id: UUID) -> Delivery:
    """Send a delivery again, under the same ``webhook-id``, with all its attempts before it. Raises NotFound, Conflict (on its way, switched off)."""
    found = Delivery.objects.in_workspace(workspace_id).select_for_update().filter(pk=delivery_id)
    delivery: Delivery | None = found.first()
    if delivery is None:
        raise NotFound
    _active(workspace_id, delivery.endpoint_id)
    if delivery.state in OPEN_STATES:
        raise Conflict(_("This delivery is on its way already."))
    found.update(**_queued_again())
    _audit("webhook.redelivered", workspace_id, delivery.endpoint_id, delivery=str(delivery_id))
    hint()
    delivery.refresh_from_db()
    return delivery


@transaction.atomic
def redeliver_since(*, workspace_id: UUID, endpoint_id: UUID, since: datetime, only_failed: bool = True) -> int:
    """Send everything again that happened since then and did not arrive, also what was never queued while the endpoint was off.

    ``only_failed`` False sends what arrived as well. Returns how many deliveries were queued, MOST_AT_ONCE events at most, oldest
    first. Raises NotFound, Conflict (switched off).
    """
    endpoint = _active(workspace_id, endpoint_id)
    happened = Event.objects.in_workspace(workspace_id).filter(occurred_at__gte=since).exclude(type=TEST)
    missed = happened.exclude(deliveries__endpoint=endpoint).order_by("id")[:MOST_AT_ONCE]
    made = queue(list(missed), [endpoint])
    ended = Delivery.objects.in_workspace(workspace_id).filter(endpoint=endpoint, event__occurred_at__gte=since)
    ended = ended.exclude(state__in=[*OPEN_STATES, *([DurableState.SUCCEEDED] if only_failed else [])])
    again = ended.order_by("id")[:MOST_AT_ONCE].values("pk")
    queued: int = Delivery.objects.filter(pk__in=again).update(**_queued_again())
    _audit("webhook.redelivered", workspace_id, endpoint_id, since=since.isoformat(), deliveries=made + queued)
    hint()
    return made + queued


def _audit(action: str, workspace_id: UUID, endpoint_id: UUID, **details: object) -> None:
    audit.record(
        audit.current(),
        action,
        workspace_id=workspace_id,
        object_type="webhook_endpoint",
        object_id=endpoint_id,
        details=details,
    )


def purge_old_events(*, now: datetime | None = None) -> int:
    """Forget events of more than KEPT ago with their deliveries, in portions; returns how many events."""
    before = (now or timezone.now()) - KEPT
    total = 0
    while True:
        portion = Event.objects.filter(occurred_at__lt=before).order_by("id").values("pk")[:PURGED_AT_ONCE]
        old = Event.objects.filter(pk__in=portion)
        removed: int = old._raw_delete(old.db)  # the database's own cascade removes deliveries and attempts
        total += removed
        if removed < PURGED_AT_ONCE:
            return total


def _active(workspace_id: UUID, endpoint_id: UUID) -> Endpoint:
    endpoint: Endpoint | None = Endpoint.objects.in_workspace(workspace_id).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise NotFound
    if not endpoint.is_active:
        raise Conflict(_("This endpoint is switched off. Switch it on first."))
    return endpoint


def _queued_again() -> dict[str, object]:
    now = timezone.now()
    return {"state": DurableState.QUEUED, "errors": 0, "crashes": 0, "available_at": now, "finished_at": None}
