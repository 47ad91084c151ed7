"""The last order of hits: by a reranker, else by their sentences; while either is away, nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from chatsphere.apps.conversations.reranking import Asked, last_order
from chatsphere.apps.users.models import Flag
from chatsphere.core import engines
from chatsphere.services.ai.word_meanings import DIMENSIONS, pack
from chatsphere.services.errors import UpstreamTimeout
from chatsphere.services.types import Reading, SearchHit, Vector, Vectors
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


class Sentences:
    """An embedder that finds what is asked for in sentences with a certain word."""

    def __init__(self, word: str) -> None:
        self.word, self.asked = word, 0

    async def embed_query(self, text: str) -> Vector:
        return np.array([1, 0], np.float32)

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        self.asked += 1
        return np.array([[1, 0] if self.word in text else [0, 1] for text in texts], np.float32)


@pytest.fixture
def sentences(monkeypatch: pytest.MonkeyPatch) -> Sentences:
    made = Sentences("bicycles")
    monkeypatch.setattr(engines, "embedder", lambda name="": made)
    return made


def asked(model: str, *, dense_share: float = 0.5, words: bytes = b"") -> Asked:
    return Asked("chargers for bicycles", Reading(np.array([1, 0], np.float32), words), model, dense_share)


def hits() -> list[SearchHit]:
    texts = ("Chargers are kept in a locker.", "Chargers for bicycles stand in the yard.")
    return [
        SearchHit(UUID(int=n), UUID(int=n), UUID(int=n), "", "", None, (), text, 0, len(text), 0.5, 1.0, 1.0 / n)
        for n, text in enumerate(texts, start=1)
    ]


async def test_the_model_in_the_house_reads_the_sentences_of_the_hits(sentences: Sentences) -> None:
    first, second = await last_order(asked("local:all-minilm-l6-v2-int8"), hits())
    assert "bicycles" in first.text
    assert (first.sentence, second.sentence) == (1.0, 0.0)
    assert sentences.asked == 1


async def test_words_near_to_the_questions_come_first(sentences: Sentences) -> None:
    rows = np.eye(DIMENSIONS, dtype=np.float32)
    lockers, bicycles = hits()
    told = [replace(lockers, word_meanings=pack(rows[:1])), replace(bicycles, word_meanings=pack(rows[1:2]))]
    sentences.word = "neither"
    question = asked("local:all-minilm-l6-v2-int8", words=pack(rows[1:2], exact=True))
    first, second = await last_order(question, told)
    assert "bicycles" in first.text
    assert first.words is not None
    assert second.words is not None
    assert first.words > second.words


@pytest.mark.parametrize(
    "question",
    [
        asked("openai:text-embedding-3-small"),
        asked("local:all-minilm-l6-v2-int8", dense_share=0.2),
        replace(asked("local:all-minilm-l6-v2-int8"), reading=None),
    ],
)
async def test_no_second_request_is_paid_and_no_strange_language_read(question: Asked, sentences: Sentences) -> None:
    assert await last_order(question, hits()) == tuple(hits())
    assert sentences.asked == 0


async def test_while_the_sentences_cannot_be_read_the_order_stays(
    sentences: Sentences, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(texts: Sequence[str]) -> Vectors:
        raise UpstreamTimeout

    monkeypatch.setattr(sentences, "embed_texts", away)
    assert await last_order(asked("local:all-minilm-l6-v2-int8"), hits()) == tuple(hits())


async def test_an_operator_switches_it_off_for_one_workspace(caller: Caller, chatbot: Any, reranker: Longest) -> None:
    flag = await Flag.objects.acreate(name="reranking")
    await flag.not_workspaces.aadd(chatbot.workspace_id)
    results = await found(caller, chatbot, "spare chargers")
    assert {result["scores"]["rerank"] for result in results} == {None}


async def test_an_operator_switches_close_reading_off(sentences: Sentences, caller: Caller) -> None:
    await Flag.objects.acreate(name="close-reading", everyone=False)
    await last_order(asked("local:all-minilm-l6-v2-int8"), hits())
    assert sentences.asked == 0
