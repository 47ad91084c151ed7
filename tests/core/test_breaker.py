"""The circuit breaker of model providers, in real Redis and without one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from chatsphere.core import breaker
from chatsphere.core.breaker import MOST_FAILURES, SharedBreaker
from chatsphere.core.redis_clients import close_async_client


@pytest.fixture
async def name() -> AsyncIterator[str]:
    yield f"openai:{uuid.uuid4()}"
    await close_async_client()


async def settled(one: SharedBreaker, name: str) -> float:
    """What it says after it had time to look."""
    await one.wait_for(name)
    await asyncio.gather(*one._looking)
    return await one.wait_for(name)


async def test_five_failures_in_a_row_open_the_circuit_for_all_processes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "LOOK_SECONDS", 0.0)
    here, there = SharedBreaker(), SharedBreaker()
    for number in range(MOST_FAILURES):
        assert await settled(here, name) == 0
        await (here if number % 2 else there).failed(name)
    assert 0 < await settled(here, name) <= breaker.OPEN_SECONDS
    elsewhere = SharedBreaker()
    assert 0 < await settled(elsewhere, name) <= breaker.OPEN_SECONDS


async def test_one_caller_tries_a_model_again_and_its_success_closes_the_circuit(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 0.3)
    monkeypatch.setattr(breaker, "LOOK_SECONDS", 0.0)
    here, there = SharedBreaker(), SharedBreaker()
    for _ in range(MOST_FAILURES):
        await here.failed(name)
    assert await settled(there, name) > 0
    await asyncio.sleep(0.31)
    assert await here.wait_for(name) == 0
    assert await there.wait_for(name) > 0
    await here.succeeded(name)
    assert await settled(there, name) == 0


async def test_without_redis_each_process_counts_for_itself(
    name: str, monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    await close_async_client()
    settings.REDIS_URL = "redis://127.0.0.1:9/0"  # type: ignore[attr-defined]
    here = SharedBreaker()
    for _ in range(MOST_FAILURES):
        assert await here.wait_for(name) == 0
        await here.failed(name)
    assert await here.wait_for(name) > 0
    assert await SharedBreaker().wait_for(name) == 0


async def test_a_pause_that_a_model_asks_for_holds_in_all_processes_and_has_an_end(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "LOOK_SECONDS", 0.0)
    here, there = SharedBreaker(), SharedBreaker()
    await here.rest(name, 40)
    assert 35 < await here.wait_for(name) <= 40
    assert 35 < await settled(there, name) <= 40
    await here.rest(name, 86_400)
    assert await settled(there, name) <= breaker.LONGEST_REST
    await here.succeeded(name)
    assert await settled(there, name) == 0
