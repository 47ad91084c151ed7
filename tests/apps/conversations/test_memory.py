"""Older turns are summed up when they fall out of the prompt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from chatsphere.apps.conversations import memory
from chatsphere.apps.conversations.memory import split_history
from chatsphere.apps.conversations.models import Conversation
from chatsphere.apps.users.models import UsageRecord
from chatsphere.core import engines
from chatsphere.services.ai.prompts import build_messages
from chatsphere.services.types import ChatDone, ChatEvent, ChatPrompt, FinishReason, TextDelta, TokenUsage, Turn
from tests.apps.conversations.world import change, rows, wait_until


def test_a_memory_counts_only_on_the_branch_that_it_was_made_of() -> None:
    turns = [Turn("user", str(number)) for number in range(6)]
    ids = [uuid4() for _ in turns]
    known = {"shown": 2, "memory": "They spoke of dogs."}

    assert split_history(turns, ids, memory_until=ids[1], **known) == ("They spoke of dogs.", tuple(turns[2:4]), ids[3])
    assert split_history(turns, ids, memory_until=uuid4(), **known) == ("", tuple(turns[:4]), ids[3])
    assert split_history(turns, ids, memory_until=ids[5], **known)[0] == ""
    assert split_history([], [], shown=0, memory="", memory_until=None) == ("", (), None)


@pytest.mark.django_db(transaction=True)
async def test_older_turns_reach_the_model_in_short_and_are_paid(caller: Any, chatbot: Any, model: Any) -> None:
    await change(chatbot, configuration={"history_turns": 2, "model": "openai:anything"})
    conversation = (await caller.ask(chatbot)).json()["conversation_id"]
    await caller.ask(chatbot, conversation_id=conversation)
    await wait_until(lambda: not memory._tasks)

    [row] = await rows(Conversation)
    await caller.ask(chatbot, conversation_id=conversation)
    await wait_until(lambda: not memory._tasks)

    assert row.memory == "Spare chargers are kept in locker B-17 [1]."
    assert row.memory_until is not None
    asked = [prompt for prompt in model.prompts if prompt.passages]
    assert (asked[-1].memory, len(asked[-1].history)) == (row.memory, 2)
    assert len(await rows(UsageRecord, channel="memory")) == 2
    assert "You keep the notes" in next(each.task for each in model.prompts if not each.passages)


@pytest.mark.django_db(transaction=True)
async def test_what_a_visitor_told_in_the_first_turn_is_in_every_later_prompt(
    caller: Any, chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With answers of 600 characters a prompt shows few turns; whatever it does not show is in the memory."""
    model = NoteKeeper()
    monkeypatch.setattr(engines, "chat_model", lambda name="": model)
    await change(chatbot, configuration={"model": "openai:anything"})
    first = await caller.ask(chatbot, "My name is Zorro and I own a TH-100-EU. Where are the spare chargers kept?")
    conversation = first.json()["conversation_id"]
    for number in range(2, 8):
        await wait_until(lambda: not memory._tasks)
        question = f"Where are the spare chargers number {number} of the kitchen kept beside the locker?"
        await caller.ask(chatbot, question, conversation_id=conversation)

    prompts = [build_messages(prompt, nonce="n") for prompt in model.answering]
    assert len(prompts) >= 6  # the first question may be declined: no document names the device
    assert all("Zorro" in str(messages) and "TH-100-EU" in str(messages) for messages in prompts)
    assert all(sum(len(each["content"].encode()) for each in messages) <= 6 * 1024 for messages in prompts)


class NoteKeeper:
    """Answers at length, and keeps the first lines of what it is to sum up."""

    name = "openai:anything"

    def __init__(self) -> None:
        self.answering: list[ChatPrompt] = []

    async def stream(self, prompt: ChatPrompt) -> AsyncIterator[ChatEvent]:
        if prompt.task:
            yield TextDelta(" ".join(prompt.question.split())[:300])
        else:
            self.answering.append(prompt)
            yield TextDelta("Spare chargers are kept in locker B-17 [1]. " * 14)
        yield ChatDone(FinishReason.STOP, TokenUsage(100, 20), "anything")
