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
