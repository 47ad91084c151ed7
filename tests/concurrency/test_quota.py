"""The last units of a quota under 200 parallel requests, on real connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from django.db import connection

from chatsphere.apps.conversations.models import Message
from chatsphere.apps.users import quota
from chatsphere.apps.users.actions import open_session
from chatsphere.apps.users.models import QuotaCounter, QuotaReservation
from chatsphere.apps.users.quota import Amount, Metric, chat_amounts
from chatsphere.core.async_database import close_pool, pool
from chatsphere.core.exceptions import QuotaExceeded
from tests.apps.conversations.world import make_chatbot
from tests.concurrency.conftest import StartWeb

pytestmark = pytest.mark.django_db(transaction=True)
CHATBOT = UUID(int=7)


def _workspace(person: Any, *, limit: int, used: int) -> Any:
    workspace = person.default_workspace
    workspace.usage_limit = limit
    workspace.save()
    quota.take(workspace_id=workspace.pk, amounts=[Amount(Metric.MESSAGES, used)])
    return workspace


async def _ask(workspace_id: UUID) -> str:
    key = uuid4().hex
    try:
        async with (await pool()).connection() as own:
            await quota.reserve_async(
                own, workspace_id=workspace_id, request_key=key, amounts=chat_amounts(CHATBOT, tokens=10)
            )
    except QuotaExceeded:
        return "refused"
    async with (await pool()).connection() as own:
        await quota.settle_async(own, workspace_id=workspace_id, request_key=key, actual={Metric.TOKENS: 7})
    return "granted"


def test_of_200_parallel_requests_at_the_last_10_units_exactly_10_pass(alice: Any) -> None:
    workspace = _workspace(alice, limit=1_000, used=990)

    async def all_at_once() -> list[str]:
        try:
            return await asyncio.gather(*(_ask(workspace.pk) for _number in range(200)))
        finally:
            await close_pool()

    outcomes = Counter(asyncio.run(all_at_once()))

    assert outcomes == {"granted": 10, "refused": 190}
    counters = {row.metric: (row.used, row.reserved) for row in QuotaCounter.objects.all()}
    assert counters == {"messages": (1_000, 0), f"chatbot:{CHATBOT.hex}": (10, 0), "tokens": (70, 0)}
    assert not QuotaReservation.objects.exists()


def test_of_200_parallel_http_requests_at_the_last_10_units_exactly_10_pass(alice: Any, start_web: StartWeb) -> None:
    workspace = _workspace(alice, limit=1_000, used=990)
    chatbot = make_chatbot(workspace)
    headers = {"Authorization": f"Bearer {open_session(user=alice).access}"}
    url = f"{start_web(RATE_LIMITS_ENABLED='false')}/api/v1/chatbots/{chatbot.pk}/chat/"

    async def all_at_once() -> list[httpx2.Response]:
        limits = httpx2.Limits(max_connections=200)
        async with httpx2.AsyncClient(headers=headers, limits=limits, timeout=60, trust_env=False) as http:
            asked = (http.post(url, json={"message": "Where are the chargers kept?"}) for _number in range(200))
            return await asyncio.gather(*asked)

    answers = asyncio.run(all_at_once())

    assert Counter(answer.status_code for answer in answers) == {200: 10, 402: 190}
    [refusal] = {answer.json()["error"]["message"] for answer in answers if answer.status_code == 402}
    assert "Raise the plan" in refusal
    counter = QuotaCounter.objects.get(metric="messages")
    assert (counter.used, counter.reserved) == (1_000, 0)
    assert not QuotaReservation.objects.exists()
    assert Message.objects.filter(role="assistant", state="complete").count() == 10  # nothing half done is left
    assert Message.objects.count() == 20


def test_threads_with_their_own_connections_share_the_last_units_as_exactly(alice: Any) -> None:
    workspace = _workspace(alice, limit=100, used=90)
    start = Barrier(16)

    def ask(number: int) -> bool:
        start.wait()
        try:
            for step in range(5):
                quota.reserve(
                    workspace_id=workspace.pk,
                    request_key=f"{number}-{step}",
                    amounts=[Amount(Metric.MESSAGES, 1)],
                )
        except QuotaExceeded:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(ask, range(16)))

    assert QuotaReservation.objects.count() == 10
    assert QuotaCounter.objects.get().reserved == 10


def test_settling_one_request_twice_at_once_counts_it_once(alice: Any) -> None:
    workspace = _workspace(alice, limit=100, used=1)
    quota.reserve(workspace_id=workspace.pk, request_key="a", amounts=[Amount(Metric.MESSAGES, 1)])
    start = Barrier(8)

    def settle(number: int) -> None:
        start.wait()
        try:
            (quota.settle if number % 2 else quota.release)(workspace_id=workspace.pk, request_key="a")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(settle, range(8)))

    counter = QuotaCounter.objects.get()
    assert counter.reserved == 0
    assert counter.used in (1, 2)
