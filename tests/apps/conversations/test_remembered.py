"""What is asked again is not embedded or searched again, and nobody gets what was found for somebody else or before a change."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from asgiref.sync import sync_to_async

from chatsphere.apps.conversations import remembered
from chatsphere.apps.training.actions import delete_sources
from chatsphere.apps.training.models import TrainingSource
from chatsphere.core import engines
from chatsphere.core.memory_cache import COUNTED, MemoryCache
from chatsphere.services.types import SearchFilters, SearchRequest
from tests.apps.conversations.test_search import found
from tests.apps.conversations.world import Caller, make_chatbot, teach

pytestmark = pytest.mark.django_db(transaction=True)


class CountingEmbedder:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def embed_query(self, text: str) -> Any:
        self.asked.append(text)
        return np.ones(4, dtype=np.float32)


def _hits() -> int:
    return COUNTED["searches"].get("hit", 0)


async def test_the_same_question_is_searched_once(caller: Caller, chatbot: Any) -> None:
    before, first = _hits(), await found(caller, chatbot, "spare chargers")
    assert await found(caller, chatbot, "spare chargers") == first
    assert _hits() == before + 1
    await found(caller, chatbot, "spare chargers", k=1)
    await found(caller, chatbot, "office dog")
    assert _hits() == before + 1


async def test_what_is_added_is_found_by_the_next_search(caller: Caller, chatbot: Any) -> None:
    assert "yard" not in str(await found(caller, chatbot, "chargers"))
    await sync_to_async(teach)(chatbot, "Chargers for bicycles stand in the yard.", title="Yard")
    assert "yard" in str(await found(caller, chatbot, "chargers"))


async def test_what_is_deleted_is_not_found_by_the_next_search(caller: Caller, chatbot: Any) -> None:
    assert await found(caller, chatbot, "chargers")
    source = await TrainingSource.objects.aget(chatbot=chatbot)
    await sync_to_async(delete_sources)(
        workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=[source.pk]
    )
    assert await found(caller, chatbot, "chargers") == []


async def test_tags_and_filters_have_results_of_their_own(caller: Caller, chatbot: Any) -> None:
    await sync_to_async(teach)(chatbot, "Chargers of the board lie in the safe.", title="Safe", access_tags=("board",))
    everything = await found(caller, chatbot, "chargers")
    assert "safe" in str(everything)
    assert "safe" not in str(await found(caller, chatbot, "chargers", filters={"access_tags": ["staff"]}))
    assert await found(caller, chatbot, "chargers") == everything


async def test_another_workspace_with_the_same_question_finds_its_own(
    caller: Caller, stranger: Caller, charlie: Any, chatbot: Any
) -> None:
    assert await found(caller, chatbot, "chargers")
    theirs = await sync_to_async(make_chatbot)(charlie.default_workspace)
    results = await found(stranger, theirs, "chargers")
    assert {result["source_id"] for result in results}.isdisjoint(
        {result["source_id"] for result in await found(caller, chatbot, "chargers")}
    )


async def test_an_unknown_version_is_never_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Store:
        searched = 0

        async def search(self, request: SearchRequest) -> int:
            self.searched += 1
            return self.searched

    store = Store()
    monkeypatch.setattr(engines, "vector_store", lambda: store)
    request = SearchRequest(uuid4(), uuid4(), "chargers", None, None, filters=SearchFilters())
    assert [await remembered.search(request, version) for version in (None, None, 1, 1, 2)] == [1, 2, 3, 3, 4]


async def test_a_question_is_embedded_once_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = CountingEmbedder()
    monkeypatch.setattr(engines, "embedder", lambda _name: embedder)
    for model, text in (("a", "Where is it?"), ("a", "  Where  is it? "), ("b", "Where is it?"), ("a", "where is it?")):
        vector = (await remembered.question(model, text)).vector
    assert embedder.asked == ["Where is it?", "Where is it?", "where is it?"]
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 2


def test_a_cache_keeps_to_its_size_and_age(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("chatsphere.core.memory_cache.time.monotonic", lambda: now[0])
    cache: MemoryCache[int] = MemoryCache(2, seconds=30)
    for number in range(3):
        cache.put(number, number)
    assert [cache.get(number) for number in range(3)] == [None, 1, 2]
    now[0] = 31.0
    assert cache.get(2) is None
    assert cache.counted == {"hit": 2, "miss": 2}
