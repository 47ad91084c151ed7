"""Older turns are summed up when they fall out of the prompt."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chatsphere.apps.conversations import memory
from chatsphere.apps.conversations.memory import split_history
from chatsphere.apps.conversations.models import Conversation
from chatsphere.apps.users.models import UsageRecord
from chatsphere.services.types import Turn
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
    for _ in range(3):
        await caller.ask(chatbot, conversation_id=conversation)
    await wait_until(lambda: not memory._tasks)

    [row] = await rows(Conversation)
    await caller.ask(chatbot, conversation_id=conversation)
    await wait_until(lambda: not memory._tasks)

    assert row.memory == "Spare chargers are kept in locker B-17 [1]."
    assert row.memory_until is not None
    asked = [prompt for prompt in model.prompts if prompt.passages]
    assert (asked[-1].memory, len(asked[-1].history)) == (row.memory, 2)
    assert len(await rows(UsageRecord, channel="memory")) == 1
    assert "Sum up this conversation" in next(each.question for each in model.prompts if not each.passages)
