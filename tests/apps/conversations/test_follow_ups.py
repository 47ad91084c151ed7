"""A follow-up question is completed before it is searched for: by the model within its second, else by its words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chatsphere.apps.conversations import follow_ups
from chatsphere.apps.users.models import QuotaCounter, UsageRecord
from chatsphere.apps.users.quota import Metric
from chatsphere.core import engines
from chatsphere.services.errors import UpstreamUnavailable
from chatsphere.services.types import ChatDone, ChatEvent, ChatPrompt, FinishReason, TextDelta, TokenUsage
from tests.apps.conversations.world import Caller, change, rows, teach

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "What is the office dog called?"
FOLLOW_UP = "And where does it sleep?"
COMPLETE = "Where does the office dog Biscuit sleep?"


class Rewriter:
    """A model that completes questions and answers others; ``wait`` seconds before the first, ``error`` instead of it."""

    name = "openai:rewriter"

    def __init__(self) -> None:
        self.wait, self.error, self.reply = 0.0, None, f'"{COMPLETE}"'
        self.rewriting: list[ChatPrompt] = []
        self.answering: list[ChatPrompt] = []

    async def stream(self, prompt: ChatPrompt) -> AsyncIterator[ChatEvent]:
        if "make the last question" in prompt.task:
            self.rewriting.append(prompt)
            await asyncio.sleep(self.wait)
            if self.error:
                raise self.error
            yield TextDelta(self.reply)
            yield ChatDone(FinishReason.STOP, TokenUsage(150, 12), "rewriter")
        elif not prompt.task:
            self.answering.append(prompt)
            yield TextDelta("The office dog sleeps under the reception desk [1].")
            yield ChatDone(FinishReason.STOP, TokenUsage(900, 20), "rewriter")
        else:
            yield ChatDone(FinishReason.STOP, TokenUsage(1, 1), "rewriter")

    error: Exception | None


@pytest.fixture
def rewriter(monkeypatch: pytest.MonkeyPatch) -> Rewriter:
    made = Rewriter()
    monkeypatch.setattr(engines, "chat_model", lambda name="": made)
    return made


async def follow(caller: Caller, chatbot: Any, message: str = FOLLOW_UP) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answer to a follow-up and its trace."""
    conversation = (await caller.ask(chatbot, QUESTION)).json()["conversation_id"]
    response = await caller.ask(chatbot, message, conversation_id=conversation)
    assert response.status_code == 200, response.content
    found = response.json()["message"]
    return found, (await caller.get(f"/api/v1/messages/{found['id']}/trace/")).json()


async def test_the_model_completes_it_and_both_are_searched_for(
    caller: Caller, chatbot: Any, rewriter: Rewriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatsphere.apps.conversations import remembered

    searched: list[str] = []
    search = remembered.search

    async def listening(request: Any, version: int | None) -> Any:
        searched.append(request.text)
        return await search(request, version)

    monkeypatch.setattr(remembered, "search", listening)
    await change(chatbot, configuration={"model": "openai:rewriter"})

    answer, trace = await follow(caller, chatbot)

    assert searched == [QUESTION, FOLLOW_UP, COMPLETE]
    assert trace["search_text"] == COMPLETE
    assert (trace["rewrite"]["by"], trace["rewrite"]["prompt_tokens"]) == ("model", 150)
    assert rewriter.answering[-1].question == FOLLOW_UP
    assert answer["finish_reason"] == "stop"
    [prompt] = rewriter.rewriting
    assert QUESTION in prompt.question
    assert (prompt.passages, prompt.max_output_tokens) == ((), follow_ups.MOST_TOKENS)


async def test_its_tokens_are_in_the_ledger_and_the_quota(caller: Caller, chatbot: Any, rewriter: Rewriter) -> None:
    await change(chatbot, configuration={"model": "openai:rewriter"})

    answer, _ = await follow(caller, chatbot)

    [line] = await rows(UsageRecord, message_id=answer["id"])
    assert (line.prompt_tokens, line.completion_tokens) == (1050, 32)
    assert answer["usage"]["total_tokens"] == 1082
    tokens = [counter for counter in await rows(QuotaCounter) if counter.metric == Metric.TOKENS]
    assert {(counter.used, counter.reserved) for counter in tokens} == {(920 + 1082, 0)}


@pytest.mark.parametrize("trouble", ["slow", "error", "silent"])
async def test_a_model_that_does_not_do_it_leaves_it_to_the_words(
    caller: Caller, chatbot: Any, rewriter: Rewriter, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(follow_ups, "SECONDS", 0.05)
    await change(chatbot, configuration={"model": "openai:rewriter"})
    if trouble == "slow":
        rewriter.wait = 30.0
    elif trouble == "error":
        rewriter.error = UpstreamUnavailable("away")
    else:
        rewriter.reply = " "

    answer, trace = await follow(caller, chatbot)

    assert answer["finish_reason"] == "stop"
    assert trace["rewrite"]["by"] == "words"
    assert trace["rewrite"]["prompt_tokens"] > 0
    assert trace["search_text"].startswith(FOLLOW_UP)
    assert {"office", "dog"} <= set(trace["search_text"].split())


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"model": "openai:rewriter", "follow_ups": "words"}, FOLLOW_UP),
        ({"model": "openai:rewriter"}, "How many days of paid vacation do employees of Marble & Finch get?"),
        ({"model": "extractive"}, FOLLOW_UP),
    ],
)
async def test_nobody_is_asked_when_it_is_switched_off_or_not_needed(
    caller: Caller, chatbot: Any, rewriter: Rewriter, configuration: dict[str, str], message: str
) -> None:
    await change(chatbot, configuration=configuration)
    _, trace = await follow(caller, chatbot, message)
    assert rewriter.rewriting == []
    assert trace["rewrite"] is None


async def test_a_blocked_topic_is_not_reached_in_two_steps(caller: Caller, chatbot: Any, rewriter: Rewriter) -> None:
    from asgiref.sync import sync_to_async

    refunds = "Refunds arrive on the same card within 5 to 10 business days. A payment is given back in full."
    await sync_to_async(teach)(chatbot, f"Refunds\n{refunds}", title="Payments")
    await change(
        chatbot, configuration={"model": "openai:rewriter", "blocked_topics": ["refunds"], "follow_ups": "words"}
    )
    conversation = (await caller.ask(chatbot, "How does a payment work?")).json()["conversation_id"]

    by_passage = (await caller.ask(chatbot, "and how do I get it back?", conversation_id=conversation)).json()[
        "message"
    ]
    await change(chatbot, configuration={"model": "openai:rewriter", "blocked_topics": ["refunds"]})
    rewriter.reply = "How do I get a refund of a payment?"
    by_text = (await caller.ask(chatbot, "and how do I get it back?", conversation_id=conversation)).json()["message"]

    assert (by_passage["finish_reason"], by_text["finish_reason"]) == ("blocked", "blocked")
    assert all("Refunds" not in passage.text for prompt in rewriter.answering for passage in prompt.passages)
    other = (await caller.ask(chatbot, QUESTION)).json()["message"]
    assert other["finish_reason"] == "stop"
