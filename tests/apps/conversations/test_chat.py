"""POST /api/v1/chatbots/{id}/chat/"""

from __future__ import annotations

from typing import Any

import pytest

from tests.apps.conversations.world import TEXT, Caller, ScriptedModel, parse, read_all

pytestmark = pytest.mark.django_db(transaction=True)


async def test_an_answer_quotes_the_document_character_for_character(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    response = await caller.ask(chatbot)
    assert response.status_code == 200, response.content
    message = response.json()["message"]
    assert message["content"] == "Spare chargers are kept in locker B-17 [1]."
    assert message["finish_reason"] == "stop"
    assert message["grounded"] is True
    [citation] = message["citations"]
    assert citation["index"] == 1
    assert TEXT[citation["char_start"] : citation["char_end"]] == citation["quote"]
    assert "locker B-17" in citation["quote"]


async def test_a_stream_has_a_beginning_a_middle_and_one_end(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    response = await caller.ask_streamed(chatbot)
    assert response["Content-Type"].startswith("text/event-stream")
    assert response["X-Accel-Buffering"] == "no"
    assert response["Cache-Control"] == "no-cache, no-transform"
    events = parse(await read_all(response))
    names = [name for _, name, _ in events]
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    assert names[:2] == ["message.created", "retrieval.completed"]
    assert names[-1] == "message.completed"
    assert names.count("message.completed") + names.count("error") == 1
    said = "".join(data["text"] for _, name, data in events if name == "message.delta")
    assert said == events[-1][2]["message"]["content"]
    assert events[0][2]["message_id"] == events[-1][2]["message"]["id"]
    cited = [data["citation"] for _, name, data in events if name == "message.citation"]
    assert cited == events[-1][2]["message"]["citations"]
