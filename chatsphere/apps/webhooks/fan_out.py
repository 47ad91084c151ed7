"""From events to deliveries: one for each endpoint that wants to hear of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from chatsphere.apps.webhooks.models import Delivery, Endpoint, Event

BATCH = 500


def fan_out() -> int:
    """Make the deliveries of all new events; returns how many events that were. Several at once share the work."""
    total = 0
    while True:
        done = _one_batch()
        total += done
        if done < BATCH:
            return total


def commit_soon() -> None:
    """Let this transaction end without waiting for the disk: if it is lost with the server, its work is only done once more."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


@transaction.atomic
def _one_batch() -> int:
    commit_soon()
    waiting = Event.objects.filter(fanned_out_at=None).order_by("id")
    events = list(waiting.select_for_update(skip_locked=True)[:BATCH])
    if not events:
        return 0
    queue(events, _endpoints({event.workspace_id for event in events}))
    Event.objects.filter(pk__in=[event.pk for event in events]).update(fanned_out_at=timezone.now())
    return len(events)


def queue(events: Iterable[Event], endpoints: Iterable[Endpoint]) -> int:
    """Deliveries for each pair of an event and an endpoint of its workspace that wants it; pairs that have one already are left alone."""
    by_workspace: dict[UUID, list[Endpoint]] = defaultdict(list)
    for endpoint in endpoints:
        by_workspace[endpoint.workspace_id].append(endpoint)
    deliveries = [
        Delivery(workspace_id=event.workspace_id, endpoint=endpoint, event=event)
        for event in events
        for endpoint in by_workspace[event.workspace_id]
        if endpoint.wants(event)
    ]
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True, batch_size=1000)
    return len(deliveries)


def _endpoints(workspace_ids: set[UUID]) -> Sequence[Endpoint]:
    alive = Endpoint.objects.filter(is_active=True, workspace__deleted_at=None, workspace__is_suspended=False)
    return list(alive.filter(workspace_id__in=workspace_ids))
