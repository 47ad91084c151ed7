"""Rate limits: exact, told in headers, and an answer for when Redis is away."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from chatsphere.core import throttling
from chatsphere.core.rates import DEFAULTS, Charge, Rate, problems, rate
from chatsphere.core.redis_clients import close_async_client, sync_client
from chatsphere.core.throttling import LocalLimiter, check_rate, check_rate_async

SLOW = Rate("slow", limit=10, seconds=3600)


def _subject() -> str:
    return f"test:{uuid4()}"


def test_as_many_pass_as_the_limit_says_and_the_next_must_wait() -> None:
    charge = Charge(SLOW, _subject())

    decisions = [check_rate([charge]) for _number in range(11)]

    assert [decision.is_allowed for decision in decisions] == [True] * 10 + [False]
    assert [decision.remaining for decision in decisions] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    assert 355 < decisions[-1].retry_after <= 360
    assert decisions[0].headers() == {"RateLimit": '"slow";r=9;t=360', "RateLimit-Policy": '"slow";q=10;w=3600'}


def test_time_gives_room_again() -> None:
    quick = Charge(Rate("quick", limit=2, seconds=1), _subject())
    assert [check_rate([quick]).is_allowed for _number in range(3)] == [True, True, False]

    import time

    time.sleep(0.55)

    assert [check_rate([quick]).is_allowed for _number in range(2)] == [True, False]


def test_of_many_threads_exactly_the_limit_pass() -> None:
    charge = Charge(SLOW, _subject())

    with ThreadPoolExecutor(16) as threads:
        passed = list(threads.map(lambda _number: check_rate([charge]).is_allowed, range(200)))

    assert passed.count(True) == 10


async def test_of_many_coroutines_exactly_the_limit_pass() -> None:
    charge = Charge(SLOW, _subject())

    decisions = await asyncio.gather(*(check_rate_async([charge]) for _number in range(100)))
    await close_async_client()

    assert Counter(decision.is_allowed for decision in decisions) == {True: 10, False: 90}


def test_several_limits_are_charged_together_or_not_at_all() -> None:
    wide, narrow = Charge(Rate("wide", 100, 3600), _subject()), Charge(Rate("narrow", 2, 3600), _subject())

    decisions = [check_rate([wide, narrow]) for _number in range(5)]

    assert [decision.is_allowed for decision in decisions] == [True, True, False, False, False]
    assert decisions[2].rate.name == "narrow"
    assert check_rate([wide]).remaining == 97


def test_the_tightest_limit_is_told_of() -> None:
    wide, narrow = Charge(Rate("wide", 100, 3600), _subject()), Charge(Rate("narrow", 10, 3600), _subject())

    assert check_rate([wide, narrow]).rate.name == "narrow"


@pytest.fixture
def redis_away(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    sync_client.cache_clear()
    throttling._local = LocalLimiter()
    throttling.uncounted.clear()
    yield
    sync_client.cache_clear()
    throttling._absence._until = 0.0


def test_without_redis_chat_keeps_a_limit_of_its_own(redis_away: None) -> None:
    charges = [Charge(Rate("ask", 3, 3600), "a")]

    assert [check_rate(charges).is_allowed for _number in range(5)] == [True, True, True, False, False]
    assert check_rate([Charge(Rate("ask", 3, 3600), "b")]).is_allowed


def test_without_redis_other_routes_are_open_and_counted(redis_away: None) -> None:
    decisions = [check_rate([Charge(Rate("default", 1, 3600), "a")]) for _number in range(3)]

    assert all(decision.is_allowed and decision.headers() == {} for decision in decisions)
    assert throttling.uncounted == {"default": 3}


async def test_without_redis_async_views_do_the_same(redis_away: None) -> None:
    charges = [Charge(Rate("ask", 3, 3600), "a")]

    decisions = [await check_rate_async(charges) for _number in range(5)]
    await close_async_client()

    assert [decision.is_allowed for decision in decisions] == [True, True, True, False, False]


def test_the_local_limiter_forgets_whom_it_has_not_seen_for_longest() -> None:
    limiter = LocalLimiter(capacity=2)
    one = Rate("one", 1, 3600)
    for name in ("a", "b", "c"):
        limiter.answers([Charge(one, name)])

    assert limiter.answers([Charge(one, "c")])[0] == 0
    assert limiter.answers([Charge(one, "a")])[0] == 1


def test_operators_change_limits_by_name(settings: Any) -> None:
    settings.RATE_LIMITS = ("ask=7/30",)

    assert (rate("ask").limit, rate("ask").seconds) == (7, 30)
    assert (rate("default").limit, rate("default").seconds) == DEFAULTS["default"]


@pytest.mark.parametrize("text", ["ask", "ask=7", "ask=0/60", "ask=7/0", "unknown=7/60", "ask=-7/60", "ask=x/60"])
def test_a_limit_that_cannot_be_read_is_named(text: str) -> None:
    assert problems([text, "ask=7/60"]) == [text]


def test_the_switch_for_load_tests_lets_everything_through(settings: Any) -> None:
    settings.RATE_LIMITS_ENABLED = False

    assert all(check_rate([Charge(Rate("default", 1, 3600), "a")]).is_allowed for _number in range(3))


def test_a_clock_that_was_set_back_keeps_nobody_out() -> None:
    charge = Charge(SLOW, _subject())
    in_two_hours = (time.time() + 7200) * 1_000_000
    sync_client().set(charge.redis_key, f"{in_two_hours:.0f}")

    decisions = [check_rate([charge]) for _number in range(11)]

    assert [decision.is_allowed for decision in decisions] == [True] * 10 + [False]
