"""Deliveries on their way, to a real server of this machine."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from chatsphere.apps.webhooks import dispatch as module
from chatsphere.apps.webhooks import sending
from chatsphere.apps.webhooks.actions import rotate_secret
from chatsphere.apps.webhooks.dispatch import AT_ONCE_HEALTHY, claim, dispatch, record, requeue_crashed
from chatsphere.apps.webhooks.fan_out import fan_out
from chatsphere.apps.webhooks.models import Attempt, Delivery, Endpoint
from chatsphere.apps.webhooks.sending import Outcome
from chatsphere.core.durable import MAX_CRASHES, DurableState
from tests.apps.webhooks.receiver import Received, Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_celery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hints go nowhere: these tests do the work themselves."""
    from chatsphere.core import hints

    monkeypatch.setattr(hints.current_app, "send_task", lambda *args, **kwargs: None)


def test_a_message_arrives_and_verifies(subscribe: Any, happen: Any, work: Any, receiver: Receiver) -> None:
    endpoint = subscribe("/hook?x=1")
    happen("chatbot.created", payload={"name": "Grüße"})

    work()

    [received] = receiver.received
    verified = Webhook(endpoint.secret).verify(received.body, received.headers)
    assert (verified["type"], verified["data"], received.path) == ("chatbot.created", {"name": "Grüße"}, "/hook?x=1")
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempt, delivery.response_status) == (DurableState.SUCCEEDED, 1, 200)
    assert received.headers["webhook-id"] == str(delivery.event_id)
    assert received.headers["content-type"] == "application/json"
    assert Attempt.objects.get().duration_ms < 5000


def test_during_a_rotation_both_secrets_verify(subscribe: Any, happen: Any, work: Any, receiver: Receiver) -> None:
    old = subscribe()
    new = rotate_secret(workspace_id=old.workspace_id, endpoint_id=old.pk)
    happen()

    work()

    [received] = receiver.received
    for secret in (old.secret, new.secret):
        Webhook(secret).verify(received.body, received.headers)


def test_after_the_overlap_the_old_secret_is_worth_nothing(
    subscribe: Any, happen: Any, work: Any, receiver: Receiver
) -> None:
    endpoint = subscribe()
    rotate_secret(workspace_id=endpoint.workspace_id, endpoint_id=endpoint.pk)
    Endpoint.objects.update(previous_secret_until=timezone.now() - timedelta(seconds=1))
    happen()

    work()

    assert " " not in receiver.received[0].headers["webhook-signature"]


@pytest.mark.parametrize("status", [300, 302, 400, 404, 500, 503])
def test_anything_but_2xx_is_tried_again_later(
    subscribe: Any, happen: Any, work: Any, receiver: Receiver, status: int
) -> None:
    subscribe()
    receiver.answer = lambda received: (status, {"Location": "/elsewhere"})
    happen()

    work()

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.errors, delivery.response_status) == (DurableState.QUEUED, 1, status)
    assert 3 < (delivery.available_at - timezone.now()).total_seconds() < 6
    assert Endpoint.objects.get().failing_since is not None
    assert [received.path for received in receiver.received] == ["/"]


def test_the_same_message_comes_again_under_the_same_id(
    subscribe: Any, happen: Any, work: Any, receiver: Receiver
) -> None:
    subscribe()
    statuses = iter([500, 204])
    receiver.answer = lambda received: (next(statuses), {})
    happen()

    work()
    Delivery.objects.update(available_at=timezone.now())
    work()

    first, second = receiver.received
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempt, delivery.errors) == (DurableState.SUCCEEDED, 2, 0)
    assert Endpoint.objects.get().failing_since is None
    assert list(Attempt.objects.order_by("number").values_list("number", "response_status")) == [(1, 500), (2, 204)]


def test_retry_after_is_obeyed(subscribe: Any, happen: Any, work: Any, receiver: Receiver) -> None:
    subscribe()
    receiver.answer = lambda received: (429, {"Retry-After": "120"})
    happen()

    work()

    wait = (Delivery.objects.get().available_at - timezone.now()).total_seconds()
    assert 110 < wait <= 120


def test_the_tenth_failure_is_the_end(subscribe: Any, happen: Any, work: Any, receiver: Receiver) -> None:
    subscribe()
    receiver.answer = lambda received: (500, {})
    happen()

    for _ in range(12):
        work()
        Delivery.objects.filter(state=DurableState.QUEUED).update(available_at=timezone.now())

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempt, delivery.error_type) == (DurableState.FAILED, 10, "bad_status")
    assert len(receiver.received) == 10


def test_410_switches_the_endpoint_off_at_once(subscribe: Any, happen: Any, work: Any, receiver: Receiver) -> None:
    subscribe()
    receiver.answer = lambda received: (410, {})
    happen()
    happen()
    happen()

    work()
    happen()
    work()

    endpoint = Endpoint.objects.get()
    assert (endpoint.is_active, endpoint.disabled_reason) == (False, "gone")
    assert not Delivery.objects.filter(state=DurableState.QUEUED).exists()
    assert len(receiver.received) <= 3
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]


def test_five_days_of_failure_switch_it_off_and_tell_the_owner(
    subscribe: Any, happen: Any, work: Any, receiver: Receiver
) -> None:
    subscribe()
    receiver.answer = lambda received: (500, {})
    Endpoint.objects.update(failing_since=timezone.now() - timedelta(days=4, hours=23))
    happen()
    work()
    assert Endpoint.objects.get().is_active

    Endpoint.objects.update(failing_since=timezone.now() - timedelta(days=5, minutes=1))
    Delivery.objects.update(available_at=timezone.now())
    work()

    endpoint = Endpoint.objects.get()
    assert (endpoint.is_active, endpoint.disabled_reason) == (False, "failing")
    [message] = mail.outbox
    assert endpoint.url in message.body
    assert "redeliver" in message.body


def test_a_private_address_is_never_reached(
    subscribe: Any, happen: Any, work: Any, receiver: Receiver, settings: Any
) -> None:
    subscribe()
    settings.FETCH_ALLOW_LOOPBACK = False
    sending.fetcher.cache_clear()
    happen()
    try:
        work()
    finally:
        sending.fetcher.cache_clear()

    assert receiver.received == []
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error_type) == (DurableState.QUEUED, "fetch_refused")


def test_a_slow_endpoint_delays_no_other(subscribe: Any, happen: Any, work: Any, receiver: Receiver) -> None:
    slow, quick = subscribe("/slow"), subscribe("/quick")
    release = threading.Event()

    def answer(received: Received) -> tuple[int, dict[str, str]]:
        if received.path == "/slow":
            release.wait(20)
        return 200, {}

    receiver.answer = answer
    for _ in range(30):
        happen()
    worker = threading.Thread(target=work)
    worker.start()
    try:
        _eventually(lambda: _succeeded(quick) == 30)
        assert _succeeded(slow) == 0
    finally:
        release.set()
        worker.join(30)
    assert _succeeded(slow) == 30


def test_one_endpoint_gets_only_a_few_at_once(subscribe: Any, happen: Any, work: Any, receiver: Receiver) -> None:
    subscribe()

    def answer(received: Received) -> tuple[int, dict[str, str]]:
        time.sleep(0.05)
        return 200, {}

    receiver.answer = answer
    for _ in range(20):
        happen()

    work()

    assert (len(receiver.received), receiver.at_once) == (20, AT_ONCE_HEALTHY)


def test_one_that_fails_gets_one_at_a_time(subscribe: Any, happen: Any) -> None:
    subscribe()
    Endpoint.objects.update(failing_since=timezone.now())
    for _ in range(5):
        happen()
    fan_out()

    assert (len(claim(32)), len(claim(32))) == (1, 0)


def test_two_claims_never_take_the_same(subscribe: Any, happen: Any) -> None:
    for number in range(4):
        subscribe(f"/{number}")
    for _ in range(3):
        happen()
    fan_out()

    taken = [claimed.id for _ in range(5) for claimed in claim(5)]

    assert len(taken) == len(set(taken)) == 12


def test_what_a_dead_worker_held_is_sent_by_another(subscribe: Any, happen: Any, work: Any, receiver: Receiver) -> None:
    subscribe()
    happen()
    fan_out()
    [dead] = claim(1)
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert requeue_crashed() == 1
    work()

    assert len(receiver.received) == 1
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.crashes) == (DurableState.SUCCEEDED, 1)
    record(dead, Outcome(500, 0.1, "bad_status", "too late"))  # the dead one wakes up again
    delivery.refresh_from_db()
    assert delivery.state == DurableState.SUCCEEDED
    assert Attempt.objects.count() == 1


def test_a_delivery_that_kills_its_workers_ends(subscribe: Any, happen: Any) -> None:
    subscribe()
    happen()
    fan_out()
    for _ in range(MAX_CRASHES):
        claim(1)
        Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        requeue_crashed()

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error_type) == (DurableState.FAILED, "crashed")


def test_a_secret_that_cannot_be_read_stops_nobody_else(
    subscribe: Any, happen: Any, work: Any, receiver: Receiver
) -> None:
    from django.db import connection

    broken, fine = subscribe("/broken"), subscribe("/fine")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_endpoint SET secret = 'ffffffff:x' WHERE id = %s", [broken.pk])
    happen()

    work()

    assert [received.path for received in receiver.received] == ["/fine"]
    assert _succeeded(fine) == 1
    assert Delivery.objects.get(endpoint_id=broken.pk).error_type == "unreadable_secret"


def test_a_bug_in_one_attempt_stops_nobody_else(
    subscribe: Any, happen: Any, work: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe("/bug")
    fine = subscribe("/fine")
    real = module.send

    def send(url: str, *rest: Any) -> Outcome:
        if url.endswith("/bug"):
            raise RuntimeError("a bug")
        return real(url, *rest)

    monkeypatch.setattr(module, "send", send)
    happen()

    work()

    assert _succeeded(fine) == 1


def test_only_one_dispatcher_works_at_a_time(subscribe: Any, happen: Any) -> None:
    subscribe()
    happen()
    fan_out()
    with module._alone() as is_ours:
        assert is_ours
        assert dispatch(time.monotonic() + 5) is False
    assert dispatch(time.monotonic() + 5) is True


def _succeeded(endpoint: Endpoint) -> int:
    return int(Delivery.objects.filter(endpoint_id=endpoint.pk, state=DurableState.SUCCEEDED).count())


def _eventually(condition: Any, seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)
