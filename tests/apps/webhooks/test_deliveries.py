"""The log of deliveries, sending again, tests, and what is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chatsphere.apps.webhooks.actions import purge_old_events, update_endpoint
from chatsphere.apps.webhooks.fan_out import fan_out
from chatsphere.apps.webhooks.models import Attempt, Delivery, Endpoint, Event
from chatsphere.core.durable import DurableState

pytestmark = pytest.mark.django_db
URL = "/api/v1/webhooks"


def _end(state: DurableState, **conditions: Any) -> None:
    Delivery.objects.filter(**conditions).update(state=state, attempt=1, finished_at=timezone.now())


def test_the_log_shows_deliveries_newest_first(alice: Any, client_of: Any, subscribe: Any, happen: Any) -> None:
    endpoint = subscribe()
    happen("source.ready")
    happen("source.failed")
    fan_out()
    _end(DurableState.FAILED, event__type="source.failed")

    client = client_of(alice)
    rows = client.get(f"{URL}/endpoints/{endpoint.pk}/deliveries/").json()["results"]

    assert [(row["event_type"], row["state"]) for row in rows] == [
        ("source.failed", "failed"),
        ("source.ready", "queued"),
    ]
    assert rows[0]["next_attempt_at"] is None
    assert rows[1]["next_attempt_at"] is not None


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("state=failed", ["source.failed"]),
        ("event_type=source.ready", ["source.ready"]),
        ("since=2100-01-01T00:00:00Z", []),
        ("until=2100-01-01T00:00:00Z", ["source.failed", "source.ready"]),
    ],
)
def test_the_log_can_be_narrowed(
    alice: Any, client_of: Any, subscribe: Any, happen: Any, query: str, kinds: list[str]
) -> None:
    endpoint = subscribe()
    happen("source.ready")
    happen("source.failed")
    fan_out()
    _end(DurableState.FAILED, event__type="source.failed")

    rows = client_of(alice).get(f"{URL}/endpoints/{endpoint.pk}/deliveries/?{query}").json()["results"]

    assert [row["event_type"] for row in rows] == kinds


def test_the_log_costs_the_same_for_one_and_for_many(
    alice: Any, client_of: Any, subscribe: Any, happen: Any, django_assert_num_queries: Any
) -> None:
    endpoint = subscribe()
    client = client_of(alice)
    for _ in range(2):
        happen()
        fan_out()
        with django_assert_num_queries(3):  # who asks, the endpoint, the page
            client.get(f"{URL}/endpoints/{endpoint.pk}/deliveries/")


def test_a_delivery_shows_what_is_sent_and_every_attempt(
    alice: Any, client_of: Any, subscribe: Any, happen: Any
) -> None:
    subscribe()
    happen(payload={"a": 1})
    fan_out()
    delivery = Delivery.objects.get()
    Attempt.objects.create(
        workspace_id=delivery.workspace_id, delivery=delivery, number=1, response_status=500, duration_ms=12
    )

    body = client_of(alice).get(f"{URL}/deliveries/{delivery.pk}/").json()

    assert body["data"] == {"a": 1}
    assert [(row["number"], row["response_status"], row["duration_ms"]) for row in body["log"]] == [(1, 500, 12)]


def test_a_delivery_that_ended_can_be_sent_again(alice: Any, client_of: Any, subscribe: Any, happen: Any) -> None:
    subscribe()
    happen()
    fan_out()
    delivery = Delivery.objects.get()
    url = f"{URL}/deliveries/{delivery.pk}/redeliver/"
    client = client_of(alice)
    assert client.post(url).status_code == 409  # on its way

    _end(DurableState.FAILED)
    answer = client.post(url)

    assert (answer.status_code, answer.json()["state"], answer.json()["attempts"]) == (202, "queued", 1)


def test_a_stranger_and_an_editor_send_nothing_again(
    charlie: Any, bob: Any, client_of: Any, subscribe: Any, happen: Any
) -> None:
    subscribe()
    happen()
    fan_out()
    url = f"{URL}/deliveries/{Delivery.objects.get().pk}/"

    assert client_of(charlie).get(url).status_code == 404
    assert client_of(charlie).post(f"{url}redeliver/").status_code == 404
    assert client_of(bob).post(f"{url}redeliver/").status_code == 403


def test_all_that_failed_since_a_time_is_sent_again(alice: Any, client_of: Any, subscribe: Any, happen: Any) -> None:
    endpoint = subscribe()
    for kind in ("source.ready", "source.failed", "source.deleted"):
        happen(kind)
    fan_out()
    _end(DurableState.FAILED, event__type="source.failed")
    _end(DurableState.SUCCEEDED, event__type="source.deleted")
    body = {"since": (timezone.now() - timedelta(hours=1)).isoformat()}
    url = f"{URL}/endpoints/{endpoint.pk}/redeliver/"
    client = client_of(alice)

    assert client.post(url, body).json() == {"queued": 1}
    assert client.post(url, {**body, "only_failed": False}).json() == {"queued": 1}
    assert set(Delivery.objects.values_list("state", flat=True)) == {"queued"}


def test_what_happened_while_it_was_off_can_be_asked_for(
    alice: Any, client_of: Any, subscribe: Any, happen: Any
) -> None:
    endpoint = subscribe()
    ids = {"workspace_id": endpoint.workspace_id, "endpoint_id": endpoint.pk}
    update_endpoint(**ids, changes={"is_active": False})
    happen()
    happen()
    fan_out()
    assert not Delivery.objects.exists()
    client = client_of(alice)
    body = {"since": (timezone.now() - timedelta(hours=1)).isoformat()}
    assert client.post(f"{URL}/endpoints/{endpoint.pk}/redeliver/", body).status_code == 409

    update_endpoint(**ids, changes={"is_active": True})
    answer = client.post(f"{URL}/endpoints/{endpoint.pk}/redeliver/", body)

    assert (answer.status_code, answer.json()) == (202, {"queued": 2})


def test_a_test_event_goes_to_one_endpoint_alone(alice: Any, client_of: Any, subscribe: Any) -> None:
    endpoint, _other = subscribe(events=["source.ready"]), subscribe()

    answer = client_of(alice).post(f"{URL}/endpoints/{endpoint.pk}/test/")

    assert (answer.status_code, answer.json()["event_type"]) == (202, "webhook.test")
    assert fan_out() == 0
    assert Delivery.objects.get().endpoint_id == endpoint.pk


def test_after_a_month_events_are_forgotten_with_their_deliveries(subscribe: Any, happen: Any) -> None:
    subscribe()
    happen("source.ready")
    happen("source.failed")
    fan_out()
    Event.objects.filter(type="source.ready").update(occurred_at=timezone.now() - timedelta(days=31))

    assert purge_old_events() == 1

    assert list(Delivery.objects.values_list("event__type", flat=True)) == ["source.failed"]
    assert Endpoint.objects.count() == 1
