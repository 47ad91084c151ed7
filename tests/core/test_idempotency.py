"""A POST that is sent twice is done once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, RequestFactory
from django.utils import timezone

from chatsphere.apps.users import actions
from chatsphere.apps.users.middleware import IdempotencyMiddleware
from chatsphere.apps.users.models import APIKey, Workspace
from chatsphere.core.async_database import close_pool
from chatsphere.core.models import IdempotencyRecord

pytestmark = pytest.mark.django_db
URL = "/api/v1/workspaces/"


def _post(client: Any, name: str = "Second", key: str = "k-1") -> Any:
    return client.post(URL, {"name": name}, headers={"Idempotency-Key": key})


def test_the_same_request_gets_the_first_answer_and_does_nothing(alice: Any, client_of: Any) -> None:
    client = client_of(alice)

    first, second = _post(client), _post(client)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert Workspace.objects.filter(name="Second").count() == 1


def test_another_token_of_the_same_person_is_the_same_person(alice: Any, client_of: Any) -> None:
    assert _post(client_of(alice)).json() == _post(client_of(alice)).json()


def test_another_body_with_the_same_key_is_422(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    _post(client)

    answer = _post(client, "Third")

    assert answer.status_code == 422
    assert answer.json()["error"]["type"] == "idempotency_key_reused"
    assert not Workspace.objects.filter(name="Third").exists()


def test_people_do_not_share_keys(alice: Any, bob: Any, client_of: Any) -> None:
    assert _post(client_of(alice)).json()["id"] != _post(client_of(bob)).json()["id"]


def test_who_lost_the_right_to_ask_gets_no_earlier_answer(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    _post(client)
    actions.end_sessions(user_id=alice.pk, reason="test")

    assert _post(client).status_code == 401


def test_a_secret_that_was_shown_once_is_repeated_but_stands_encrypted(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    body = {"name": "server", "scopes": ["chat"]}

    answers = [client.post("/api/v1/api-keys/", body, headers={"Idempotency-Key": "k"}).json() for _number in range(2)]

    assert answers[0] == answers[1]
    assert APIKey.objects.count() == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM core_idempotencyrecord")
        assert answers[0]["secret"] not in cursor.fetchone()[0]


def test_a_mistake_is_remembered_too(alice: Any, client_of: Any) -> None:
    client = client_of(alice)

    assert [_post(client, "").status_code, _post(client, "").status_code] == [422, 422]
    assert IdempotencyRecord.objects.get().status == 422


def test_after_a_day_a_key_is_new(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    _post(client)
    IdempotencyRecord.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert _post(client, "Third").status_code == 201


def test_a_request_under_way_is_409_until_its_worker_must_be_dead(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    _post(client)
    IdempotencyRecord.objects.update(status=None)
    answer = _post(client)
    assert (answer.status_code, answer.json()["error"]["type"]) == (409, "in_flight")

    IdempotencyRecord.objects.update(locked_until=timezone.now() - timedelta(seconds=1))

    assert _post(client).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ä"])
def test_a_damaged_key_is_400(alice: Any, client_of: Any, key: str) -> None:
    assert _post(client_of(alice), key=key).status_code == 400


def test_without_the_header_nothing_is_written(alice: Any, client_of: Any) -> None:
    client_of(alice).post(URL, {"name": "Second"})

    assert not IdempotencyRecord.objects.exists()


def test_registering_twice_with_a_key_gives_the_first_answer(api_client: Any) -> None:
    body = {"email": "dora@example.com", "password": "quite-long-and-odd-7"}

    answers = [
        api_client.post("/api/v1/auth/register/", body, headers={"Idempotency-Key": "k"}) for _number in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


def test_a_key_of_a_stranger_at_one_route_is_nothing_to_another_route(api_client: Any) -> None:
    key = {"Idempotency-Key": "k"}
    api_client.post("/api/v1/auth/token/", {}, headers=key)

    assert IdempotencyRecord.objects.exists()
    assert api_client.post(URL, {"name": "Second"}, headers=key).status_code == 401


def _through(get_response: Any) -> Any:
    request = RequestFactory().post("/x/", b"{}", "application/json", headers={"Idempotency-Key": "k"})
    return IdempotencyMiddleware(get_response)(request)


@pytest.mark.parametrize("status", [401, 402, 409, 429, 500, 503])
def test_what_may_go_well_the_next_time_is_forgotten(status: int) -> None:
    assert _through(lambda request: HttpResponse(status=status)).status_code == status

    assert _through(lambda request: HttpResponse(b"done")).content == b"done"


def test_a_request_that_broke_off_is_forgotten() -> None:
    def breaks(request: object) -> HttpResponse:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        _through(breaks)

    assert not IdempotencyRecord.objects.exists()


def test_a_stream_is_not_done_again() -> None:
    _through(lambda request: StreamingHttpResponse(iter([b"data"])))

    answer = _through(lambda request: pytest.fail("this would spend again"))

    assert answer.status_code == 409


@pytest.mark.django_db(transaction=True)
def test_of_many_at_the_same_moment_one_does_the_work(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    start = Barrier(8)

    def post(_number: int) -> int:
        start.wait()
        try:
            return int(_post(client).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(post, range(8)))

    assert set(statuses) <= {201, 409}
    assert Workspace.objects.filter(name="Second").count() == 1


@pytest.mark.django_db(transaction=True)
def test_asynchronous_requests_do_the_same(alice: Any) -> None:
    token = actions.open_session(user=alice).access

    async def twice() -> list[Any]:
        client, headers = AsyncClient(), {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
        try:
            return [
                await client.post(URL, {"name": name}, content_type="application/json", headers=headers)
                for name in ("Second", "Second", "Third")
            ]
        finally:
            await close_pool()

    answers = asyncio.run(twice())

    assert [answer.status_code for answer in answers] == [201, 201, 422]
    assert answers[0].json() == answers[1].json()
    assert Workspace.objects.filter(name="Second").count() == 1


@pytest.mark.django_db
def test_visitors_of_one_page_do_not_share_keys(alice: Any) -> None:
    made = actions.create_key(
        workspace_id=alice.default_workspace_id, created_by=alice.pk, name="page", scopes=["chat"], kind="publishable"
    )
    answers = iter((b"first", b"second"))
    middleware: Any = IdempotencyMiddleware(lambda _request: HttpResponse(next(answers)))

    def ask(address: str) -> bytes:
        request = RequestFactory().post("/x", b"{}", content_type="application/json", REMOTE_ADDR=address)
        request.META |= {"HTTP_AUTHORIZATION": f"Bearer {made.secret}", "HTTP_IDEMPOTENCY_KEY": "1"}
        return bytes(middleware(request).content)

    longest = "2001:db8:1111:2222:3333:4444:5555:6666"
    assert [ask("203.0.113.1"), ask(longest), ask("203.0.113.1"), ask(longest)] == [b"first", b"second"] * 2
