"""Requests are limited by person, key or address, and told so."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.django_db
ME = "/api/v1/users/me/"


@pytest.fixture
def slow_refill(settings: Any) -> None:
    """As many requests as by default, but so slowly given back that a busy machine counts like an idle one."""
    settings.RATE_LIMITS = ("default=600/60000", "anonymous=60/60000")


def test_a_person_has_600_requests_a_minute(alice: Any, client_of: Any) -> None:
    assert client_of(alice).get(ME).headers["RateLimit-Policy"] == '"default";q=600;w=60'


def test_all_sessions_of_a_person_count_together(alice: Any, client_of: Any, slow_refill: None) -> None:
    first = client_of(alice).get(ME)
    second = client_of(alice).get(ME)

    assert first.headers["RateLimit"].startswith('"default";r=599;')
    assert second.headers["RateLimit"].startswith('"default";r=598;')


def test_two_people_do_not_share_a_limit(alice: Any, bob: Any, client_of: Any, slow_refill: None) -> None:
    client_of(alice).get(ME)

    assert client_of(bob).get(ME).headers["RateLimit"].startswith('"default";r=599;')


def test_over_the_limit_is_429_with_when_to_come_back(alice: Any, client_of: Any, settings: Any) -> None:
    settings.RATE_LIMITS = ("default=2/6000",)
    client = client_of(alice)

    answers = [client.get(ME) for _number in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"]["type"] == "rate_limited"
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 3000
    assert answers[2].headers["RateLimit"].startswith('"default";r=0;')


def test_who_has_no_credential_is_limited_by_address(api_client: Any, slow_refill: None) -> None:
    answer = api_client.post("/api/v1/auth/token/refresh/", {"refresh": "x"}, REMOTE_ADDR="203.0.113.9")
    forged = api_client.post(
        "/api/v1/auth/token/refresh/", {"refresh": "x"}, REMOTE_ADDR="203.0.113.9", HTTP_X_FORWARDED_FOR="1.2.3.4"
    )

    assert answer.headers["RateLimit-Policy"] == '"anonymous";q=60;w=60000'
    assert forged.headers["RateLimit"].startswith('"anonymous";r=58;')


def test_who_tries_credentials_is_limited_by_address(api_client: Any, settings: Any) -> None:
    settings.RATE_LIMITS = ("anonymous=2/6000",)
    api_client.credentials(HTTP_AUTHORIZATION="Bearer cs_sk_0198c0ff_notasecret")

    answers = [api_client.get(ME) for _number in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[0].headers["RateLimit"].startswith('"anonymous";r=1;')


def test_a_good_credential_is_not_counted_by_address(alice: Any, client_of: Any, settings: Any) -> None:
    settings.RATE_LIMITS = ("anonymous=1/6000",)
    client = client_of(alice)

    assert [client.get(ME).status_code for _number in range(3)] == [200] * 3


@pytest.mark.django_db(transaction=True)
def test_repeated_requests_are_limited_like_first_ones(alice: Any, client_of: Any, settings: Any) -> None:
    settings.RATE_LIMITS = ("default=3/6000",)
    client = client_of(alice)
    headers = {"Idempotency-Key": "once"}

    answers = [client.post("/api/v1/workspaces/", {"name": "Second"}, headers=headers) for _number in range(4)]

    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true", "true", None]


@pytest.mark.django_db(transaction=True)
def test_a_bad_credential_with_an_idempotency_key_is_counted_too(api_client: Any, settings: Any) -> None:
    settings.RATE_LIMITS = ("anonymous=1/6000",)
    headers = {"Idempotency-Key": "once", "Authorization": "Bearer nonsense"}

    answers = [api_client.post("/api/v1/workspaces/", {"name": "x"}, headers=headers) for _number in range(2)]

    assert [answer.status_code for answer in answers] == [401, 429]
