"""From events to deliveries."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from chatsphere.apps.chatbots.actions import create_chatbot
from chatsphere.apps.webhooks import fan_out as module
from chatsphere.apps.webhooks.actions import announce
from chatsphere.apps.webhooks.fan_out import fan_out
from chatsphere.apps.webhooks.models import Delivery, Endpoint, Event

pytestmark = pytest.mark.django_db


def _told(endpoint: Endpoint) -> list[str]:
    return list(endpoint.deliveries.order_by("event_id").values_list("event__type", flat=True))


def test_an_endpoint_hears_of_what_it_named(subscribe: Any, happen: Any) -> None:
    some = subscribe(events=["source.ready", "chatbot.deleted"])
    everything = subscribe()
    for kind in ("source.ready", "chatbot.created", "chatbot.deleted"):
        happen(kind)

    assert fan_out() == 3

    assert _told(some) == ["source.ready", "chatbot.deleted"]
    assert _told(everything) == ["source.ready", "chatbot.created", "chatbot.deleted"]


def test_it_can_be_narrowed_to_chatbots(alice: Any, subscribe: Any, happen: Any) -> None:
    mine = create_chatbot(workspace_id=alice.default_workspace_id, name="Mine").pk
    endpoint = subscribe(chatbot_ids=[mine])
    happen("source.ready", chatbot_id=mine)
    happen("source.failed", chatbot_id=uuid4())
    happen("quota.warning")

    fan_out()

    assert _told(endpoint) == ["source.ready"]


def test_other_workspaces_hear_nothing(subscribe: Any, happen: Any, charlie: Any) -> None:
    endpoint = subscribe()
    happen(person=charlie)

    assert fan_out() == 1
    assert _told(endpoint) == []


def test_what_was_before_and_what_is_off_is_left_out(subscribe: Any, happen: Any) -> None:
    off = subscribe(is_active=False)
    happen()
    late = subscribe()

    fan_out()

    assert (_told(off), _told(late)) == ([], [])


def test_a_second_time_does_nothing(subscribe: Any, happen: Any) -> None:
    subscribe()
    happen()

    assert (fan_out(), fan_out()) == (1, 0)
    Event.objects.update(fanned_out_at=None)
    assert fan_out() == 1
    assert Delivery.objects.count() == 1


def test_many_events_go_in_portions(subscribe: Any, happen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    subscribe()
    for _ in range(5):
        happen()

    assert fan_out() == 5
    assert Delivery.objects.count() == 5


def test_what_was_rolled_back_is_not_told(alice: Any, subscribe: Any) -> None:
    subscribe()
    with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012
        announce(workspace_id=alice.default_workspace_id, type="source.ready", payload={})
        raise RuntimeError

    assert fan_out() == 0


def test_an_unknown_type_is_a_mistake(alice: Any) -> None:
    with pytest.raises(ValueError, match="no event type"):
        announce(workspace_id=alice.default_workspace_id, type="source.gone", payload={})


def test_announcing_survives_without_redis(
    alice: Any, subscribe: Any, settings: Any, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kombu.exceptions import OperationalError

    from chatsphere.apps.webhooks.hints import PENDING
    from chatsphere.core import hints
    from chatsphere.core.redis_clients import sync_client

    sync_client().delete(PENDING)

    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("no Redis")

    monkeypatch.setattr(hints.current_app, "send_task", away)
    monkeypatch.setattr(hints, "_quiet_until", 0.0)
    subscribe()
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        announce(workspace_id=alice.default_workspace_id, type="source.ready", payload={})

    assert len(callbacks) == 1
    assert fan_out() == 1
