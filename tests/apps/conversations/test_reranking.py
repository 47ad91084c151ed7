"""A reranker orders what search and chat show; without it, or while it is away, nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from chatsphere.core import engines
from chatsphere.services.errors import UpstreamTimeout
from chatsphere.services.types import SearchHit
from tests.apps.conversations.test_search import found
from tests.apps.conversations.world import Caller, ScriptedModel, teach

pytestmark = pytest.mark.django_db(transaction=True)


class Longest:
    """Likes long passages."""

    is_away = False

    async def rerank(self, question: str, hits: Sequence[SearchHit]) -> Sequence[float]:
        if self.is_away:
            raise UpstreamTimeout
        return [len(hit.text) for hit in hits]


@pytest.fixture
def reranker(monkeypatch: pytest.MonkeyPatch, chatbot: Any) -> Longest:
    teach(chatbot, "Chargers for bicycles stand in the yard, behind the old gate, beside the pump.", title="Yard")
    made = Longest()
    monkeypatch.setattr(engines, "reranker", lambda: made)
    return made


async def test_a_search_is_ordered_by_the_reranker(caller: Caller, chatbot: Any, reranker: Longest) -> None:
    results = await found(caller, chatbot, "spare chargers")
    lengths = [len(result["text"]) for result in results]
    assert len(lengths) > 1
    assert lengths == sorted(lengths, reverse=True)
    assert [result["scores"]["rerank"] for result in results] == lengths
    assert [result["score"] for result in results] == lengths


async def test_the_reranker_sees_more_than_is_asked_for(caller: Caller, chatbot: Any, reranker: Longest) -> None:
    everything = await found(caller, chatbot, "spare chargers")
    assert await found(caller, chatbot, "spare chargers", k=1) == everything[:1]


async def test_while_it_is_away_the_order_stays(caller: Caller, chatbot: Any, reranker: Longest) -> None:
    reranker.is_away = True
    away = await found(caller, chatbot, "spare chargers")
    assert "locker B-17" in away[0]["text"]
    assert {result["scores"]["rerank"] for result in away} == {None}


async def test_answers_rest_on_the_reranked_passages(
    caller: Caller, chatbot: Any, reranker: Longest, model: ScriptedModel
) -> None:
    response = await caller.ask(chatbot, "Where are the spare chargers kept?")
    assert response.status_code == 200, response.content
    lengths = [len(passage.text) for passage in model.prompts[-1].passages]
    assert lengths == sorted(lengths, reverse=True)
    assert all(passage.rerank is not None for passage in model.prompts[-1].passages)
