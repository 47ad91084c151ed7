"""A provider that fails in the middle of a turn: what the client is told, what is stored and what is metered. The whole table of faults is
printed by `make bench-faults`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chatsphere.apps.conversations.models import Message
from chatsphere.apps.users.models import QuotaCounter, UsageRecord
from chatsphere.apps.users.quota import Metric
from chatsphere.services.ai.tokens import estimate_message_tokens, estimate_tokens
from tests.apps.conversations.world import Caller, parse, read_all, rows
from tests.stubs.openai_stub import OpenAIStub, Settings, default_tokens, running_stub

pytestmark = pytest.mark.django_db(transaction=True)
WHOLE, HALF = "".join(default_tokens(20)), "".join(default_tokens(20)[:10])


@pytest.fixture
def provider(settings: Any) -> Iterator[OpenAIStub]:
    with running_stub(Settings(tokens=default_tokens(20))) as (stub, url):
        settings.CHAT_MODEL, settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = "openai:stub", url, "stub"
        settings.MODEL_FIRST_TOKEN_TIMEOUT, settings.MODEL_IDLE_TIMEOUT = 1.0, 0.3
        yield stub


async def test_each_fault_ends_in_one_clear_event_and_is_metered_once(
    caller: Caller, chatbot: Any, provider: OpenAIStub
) -> None:
    counted = [
        await outcome(caller, chatbot, provider, [], "message.completed", WHOLE, count=told),
        await outcome(caller, chatbot, provider, ["500"], "message.completed", WHOLE, count=told),
        await outcome(caller, chatbot, provider, ["401"], "upstream_rejected", "", count=nothing),
        await outcome(caller, chatbot, provider, ["garbage"], "upstream_invalid", "", count=nothing),
        await outcome(caller, chatbot, provider, ["stall_midway"], "upstream_timeout", HALF, count=estimated),
        await outcome(caller, chatbot, provider, ["cut"], "upstream_unavailable", HALF, count=estimated),
        await outcome(caller, chatbot, provider, ["error_midway"], "upstream_unavailable", HALF, count=estimated),
        await outcome(caller, chatbot, provider, ["no_usage"], "message.completed", WHOLE, count=estimated),
        await outcome(caller, chatbot, provider, ["wrong_usage"], "message.completed", WHOLE, count=estimated),
    ]
    counters = await rows(QuotaCounter)
    assert all(counter.reserved == 0 for counter in counters)
    assert {c.used for c in counters if c.metric == Metric.TOKENS} == {sum(counted)}


Count = Callable[[list[str], str], tuple[int, int]]


def told(messages: list[str], _text: str) -> tuple[int, int]:
    """What the provider says in its usage: four characters a token, and the tokens it sent."""
    return sum(map(len, messages)) // 4, 20


def estimated(messages: list[str], text: str) -> tuple[int, int]:
    """What we count ourselves: all that was sent and all that is stored."""
    return estimate_message_tokens(messages), estimate_tokens(text)


def nothing(_messages: list[str], _text: str) -> tuple[int, int]:
    return 0, 0


async def outcome(
    caller: Caller, chatbot: Any, provider: OpenAIStub, faults: list[str], end: str, text: str, *, count: Count
) -> int:
    """Ask once and compare all that is left of it; the tokens that it must have cost."""
    provider.settings.faults.extend(faults)
    response = await caller.ask_streamed(chatbot)
    events = parse(await read_all(response))
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    assert [name for _, name, _ in events].count("error") == (end != "message.completed")
    assert (events[-1][2].get("type") or events[-1][1]) == end
    message_id = events[0][2]["message_id"]
    [row] = await rows(Message, pk=message_id)
    assert (row.content, row.last_event) == (text, len(events))
    [line] = await rows(UsageRecord, message_id=message_id)
    expected = count([message["content"] for message in provider.requests[-1]["messages"]], row.content)
    assert (line.prompt_tokens, line.completion_tokens) == expected
    assert (row.prompt_tokens, row.completion_tokens) == expected
    return sum(expected)


async def test_a_chain_answers_when_its_first_provider_fails(
    caller: Caller, chatbot: Any, provider: OpenAIStub, settings: Any
) -> None:
    settings.MODEL_PROVIDERS = json.dumps({"backup": {"base_url": settings.OPENAI_BASE_URL}})
    settings.CHAT_MODEL = "openai:first,backup:second"
    provider.settings.faults.append("401")
    answer = (await caller.ask(chatbot)).json()["message"]
    assert (answer["content"], answer["model"]) == (WHOLE, "backup:second")
    [line] = await rows(UsageRecord)
    assert line.model == "backup:second"
