"""Getting in by trying: limited in PostgreSQL, whatever Redis does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from chatsphere.apps.users import attempts
from chatsphere.apps.users.models import AttemptLimit
from chatsphere.core.exceptions import Throttled

TOKEN, REGISTER = "/api/v1/auth/token/", "/api/v1/auth/register/"


def _try(client: Any, password: str = "wrong", email: str = "alice@example.com", address: str = "203.0.113.1") -> Any:
    return client.post(TOKEN, {"email": email, "password": password}, REMOTE_ADDR=address)


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_an_account_can_be_tried_10_times_a_minute_from_anywhere(alice: Any, api_client: Any, email: str) -> None:
    answers = [_try(api_client, email=email, address=f"203.0.113.{number}") for number in range(11)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 6


@pytest.mark.django_db
def test_the_spelling_of_the_address_opens_no_second_bucket(alice: Any, api_client: Any) -> None:
    for number in range(10):
        _try(api_client, email=("Alice@example.com", "ALICE@EXAMPLE.COM")[number % 2])

    assert _try(api_client, "alice-Pass-42").status_code == 429


@pytest.mark.django_db
def test_losing_redis_changes_nothing(alice: Any, api_client: Any, settings: Any) -> None:
    from chatsphere.core import throttling
    from chatsphere.core.redis_clients import sync_client

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    sync_client.cache_clear()
    try:
        answers = [_try(api_client, address=f"203.0.113.{number}") for number in range(11)]
    finally:
        sync_client.cache_clear()
        throttling._absence._until = 0.0

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]


@pytest.mark.django_db
def test_after_ten_wrong_passwords_in_a_row_account_and_address_are_locked_ever_longer(alice: Any) -> None:
    for _number in range(10):
        attempts.note_failure("alice@example.com", "203.0.113.1")
    with pytest.raises(Throttled) as first:
        attempts.admit_sign_in("alice@example.com", "203.0.113.1")
    attempts.note_failure("alice@example.com", "203.0.113.1")
    with pytest.raises(Throttled) as second:
        attempts.admit_sign_in("alice@example.com", "203.0.113.1")

    assert first.value.type == "locked_out"
    assert 55 < (first.value.retry_after or 0) <= 60
    assert 115 < (second.value.retry_after or 0) <= 120
    attempts.admit_sign_in("alice@example.com", "203.0.113.2")


@pytest.mark.django_db
def test_the_right_password_forgets_the_wrong_ones(alice: Any, api_client: Any) -> None:
    for _number in range(9):
        attempts.note_failure("alice@example.com", "203.0.113.1")
    assert _try(api_client, "alice-Pass-42").status_code == 200

    assert _try(api_client).status_code == 401
    assert _try(api_client, "alice-Pass-42").status_code == 200


@pytest.mark.django_db
def test_failures_of_the_day_before_yesterday_do_not_count(alice: Any) -> None:
    for _number in range(20):
        attempts.note_failure("alice@example.com", "203.0.113.1")
    AttemptLimit.objects.update(updated_at=timezone.now() - timedelta(days=2), locked_until=None)

    attempts.note_failure("alice@example.com", "203.0.113.1")

    attempts.admit_sign_in("alice@example.com", "203.0.113.1")


@pytest.mark.django_db
def test_an_address_registers_20_an_hour(api_client: Any) -> None:
    body = {"password": "quite-long-and-odd-7"}

    answers = [api_client.post(REGISTER, {**body, "email": f"p{number}@example.com"}) for number in range(21)]

    assert [answer.status_code for answer in answers] == [201] * 20 + [429]
    assert int(answers[-1].headers["Retry-After"]) <= 180


@pytest.mark.django_db(transaction=True)
def test_attempts_at_the_same_moment_are_counted_one_by_one() -> None:
    def attempt(_number: int) -> bool:
        try:
            attempts.admit("sign_in", "somebody")
        except Throttled:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as threads:
        passed = list(threads.map(attempt, range(40)))

    assert passed.count(True) == 10


@pytest.mark.django_db
def test_a_clock_that_was_set_back_keeps_nobody_out() -> None:
    for _number in range(10):
        attempts.admit("sign_in", "somebody")
    AttemptLimit.objects.update(free_at=timezone.now() + timedelta(hours=2))

    for _number in range(10):
        attempts.admit("sign_in", "somebody")
    with pytest.raises(Throttled):
        attempts.admit("sign_in", "somebody")
