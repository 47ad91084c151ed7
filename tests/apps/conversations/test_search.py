"""POST /api/v1/chatbots/{id}/search/"""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from tests.apps.conversations.world import TEXT, Caller, ScriptedModel, make_chatbot, teach

pytestmark = pytest.mark.django_db(transaction=True)


async def found(caller: Caller, chatbot: Any, query: str, **more: Any) -> list[Any]:
    response = await caller.post(f"/api/v1/chatbots/{chatbot.pk}/search/", {"query": query, **more})
    assert response.status_code == 200, response.content
    results: list[Any] = response.json()["results"]
    return results


async def test_the_best_passage_comes_first_with_its_place(caller: Caller, chatbot: Any) -> None:
    first, *others = await found(caller, chatbot, "spare chargers")
    assert first["rank"] == 1
    assert TEXT[first["char_start"] : first["char_end"]] == first["text"]
    assert "locker B-17" in first["text"]
    assert first["scores"]["sparse"] > 0
    assert all(first["score"] >= other["score"] for other in others)


async def test_k_and_filters_narrow_it(caller: Caller, chatbot: Any) -> None:
    other = await sync_to_async(teach)(chatbot, "Chargers for bicycles stand in the yard.", title="Yard")
    assert len(await found(caller, chatbot, "chargers", k=1)) == 1
    only = await found(caller, chatbot, "chargers", filters={"document_ids": [str(other.pk)]})
    assert {result["document_id"] for result in only} == {str(other.pk)}
    assert await found(caller, chatbot, "chargers", filters={"source_ids": []}) == []


@pytest.mark.parametrize(
    "body",
    [{}, {"query": ""}, {"query": "x", "k": 0}, {"query": "x", "k": 51}, {"query": "x", "filters": {"color": "red"}}],
)
async def test_what_makes_no_sense_is_422(caller: Caller, chatbot: Any, body: Any) -> None:
    assert (await caller.post(f"/api/v1/chatbots/{chatbot.pk}/search/", body)).status_code == 422


async def test_strangers_find_nothing(stranger: Caller, chatbot: Any) -> None:
    assert (await stranger.post(f"/api/v1/chatbots/{chatbot.pk}/search/", {"query": "chargers"})).status_code == 404


@pytest.mark.parametrize("name", ["local:all-minilm-l6-v2-int8", "nobody:knows-it"])
async def test_words_alone_answer_when_the_model_of_the_vectors_is_no_longer_set_up(
    name: str, caller: Caller, alice: Any, model: ScriptedModel, settings: Any
) -> None:
    settings.EMBEDDER_SOCKET = ""
    trained = await sync_to_async(make_chatbot)(alice.default_workspace, embedding_model=name)
    first, *_ = await found(caller, trained, "spare chargers")
    assert "locker B-17" in first["text"]
    assert first["scores"]["dense"] is None
    message = (await caller.ask(trained)).json()["message"]
    assert message["content"] == "Spare chargers are kept in locker B-17 [1]."
    trace = (await caller.get(f"/api/v1/messages/{message['id']}/trace/")).json()
    assert trace["words_only"] is True


async def test_of_reports_that_differ_in_the_quarter_the_one_that_is_asked_for_comes_first(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    for quarter in ("2023 Q1", "2023 Q2", "2022 Q4", "2023 Q3"):
        text = f"Marble & Finch had revenue of {len(quarter) * 7} million in this quarter. Margins were stable. [{quarter[-1]}]"
        await sync_to_async(teach)(chatbot, text, title=f"{quarter} Marble & Finch")
    for question, title in (
        ("Marble & Finch revenue in the second quarter of 2023", "2023 Q2 Marble & Finch"),
        ("Marble & Finch revenue in the latest quarter", "2023 Q3 Marble & Finch"),
        ("Marble & Finch revenue in Q4 2022", "2022 Q4 Marble & Finch"),
    ):
        first, second, *_ = await found(caller, chatbot, question)
        assert first["title"] == title
        assert (first["scores"]["period"], second["scores"]["period"]) == (1.0, None)
        message = (await caller.ask(chatbot, question)).json()["message"]
        trace = (await caller.get(f"/api/v1/messages/{message['id']}/trace/")).json()
        assert trace["candidates"][0]["title"] == title
        assert trace["candidates"][0]["scores"]["period"] == 1.0
