"""Editing a question, replaying an answer, and handing over to a person."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.conversations.models import Conversation, Message
from chatsphere.apps.users.models import QuotaCounter, UsageRecord
from chatsphere.apps.webhooks.models import Event
from tests.apps.conversations.world import change, rows

pytestmark = pytest.mark.django_db(transaction=True)


async def test_an_edited_question_is_a_branch_that_sees_only_what_came_before(
    caller: Any, chatbot: Any, model: Any
) -> None:
    first = (await caller.ask(chatbot)).json()
    second = (await caller.ask(chatbot, "And the office dog?", conversation_id=first["conversation_id"])).json()
    asked = {row.content: row for row in await rows(Message, role="user")}

    edited = await caller.post(
        f"/api/v1/messages/{asked['And the office dog?'].pk}/edit/", {"message": "What is the office dog called?"}
    )
    root = await caller.post(
        f"/api/v1/messages/{asked['Where are the spare chargers kept?'].pk}/edit/", {"message": "How much vacation?"}
    )

    assert (edited.status_code, root.status_code) == (200, 200)
    assert edited.json()["conversation_id"] == second["conversation_id"]
    by_text = {row.content: row for row in await rows(Message, role="user")}
    assert by_text["What is the office dog called?"].parent_id == asked["And the office dog?"].parent_id
    assert by_text["How much vacation?"].parent_id is None
    assert [len(prompt.history) for prompt in model.prompts[-2:]] in ([2, 0], [2])


async def test_an_answer_is_no_question_to_edit_and_a_stranger_finds_none(
    caller: Any, stranger: Any, chatbot: Any, model: Any
) -> None:
    answer = (await caller.ask(chatbot)).json()["message"]["id"]
    [asked] = await rows(Message, role="user")

    assert (await caller.post(f"/api/v1/messages/{answer}/edit/", {"message": "x"})).status_code == 404
    assert (await stranger.post(f"/api/v1/messages/{asked.pk}/edit/", {"message": "x"})).status_code == 404


async def test_a_replay_shows_both_answers_and_stores_none(caller: Any, chatbot: Any, model: Any) -> None:
    first = (await caller.ask(chatbot)).json()
    before = [row.pk for row in await rows(Message)]

    replay = await caller.post(
        f"/api/v1/messages/{first['message']['id']}/replay/", {"configuration": {"min_score": 1.0}}
    )

    shown = replay.json()
    assert replay.status_code == 200, shown
    assert shown["original"]["message"]["content"] == first["message"]["content"]
    assert (shown["replay"]["finish_reason"], shown["replay"]["version"]) == ("refused_no_context", None)
    assert shown["replay"]["trace"]["decision"]["answer"] is False
    assert [row.pk for row in await rows(Message)] == before
    assert len(await rows(UsageRecord, channel="evaluation")) == 1
    assert [row.used for row in await rows(QuotaCounter, metric="messages")] == [2]


async def test_a_replay_of_a_version_that_is_not_there_is_told(caller: Any, chatbot: Any, model: Any) -> None:
    answer = (await caller.ask(chatbot)).json()["message"]["id"]
    assert (await caller.post(f"/api/v1/messages/{answer}/replay/", {"version": 7})).status_code == 422
    past_the_column = await caller.post(f"/api/v1/messages/{answer}/replay/", {"version": 2**31})
    assert past_the_column.status_code == 422
    assert (
        await caller.post(f"/api/v1/messages/{answer}/replay/", {"configuration": {"nonsense": 1}})
    ).status_code == 422


async def test_a_person_takes_over_writes_and_gives_back(caller: Any, chatbot: Any, model: Any) -> None:
    conversation = (await caller.ask(chatbot)).json()["conversation_id"]
    path = f"/api/v1/conversations/{conversation}/"

    early = await caller.post(f"{path}messages/", {"content": "Hello, this is Alice."})
    taken = (await caller.post(f"{path}handoff/", {"reason": "asked"})).json()
    silent = (await caller.ask(chatbot, "Are you there?", conversation_id=conversation)).json()["message"]
    written = await caller.post(f"{path}messages/", {"content": "Hello, this is Alice."})
    back = (await caller.post(f"{path}return/")).json()
    again = (await caller.ask(chatbot, "Where are the spare chargers kept?", conversation_id=conversation)).json()

    assert (early.status_code, written.status_code, written.json()["role"]) == (409, 201, "agent")
    assert (taken["state"], taken["handoff_reason"]) == ("handoff", "asked")
    assert taken["handoff_summary"] == "Where are the spare chargers kept?"
    assert silent["finish_reason"] == "handoff"
    assert (back["state"], again["message"]["finish_reason"]) == ("bot", "stop")
    assert "agent" in [turn.role for turn in model.prompts[-1].history]
    [event] = await rows(Event, type="conversation.handoff")
    assert [each["role"] for each in event.payload["transcript"]] == ["user", "assistant"]
    [row] = await rows(Conversation)
    assert row.messages_count == 7
    await change(row, state="closed")
