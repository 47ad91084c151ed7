"""With redaction, what providers receive holds no personal data: read from the requests that a stub of them was sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pytest

from chatsphere.apps.conversations import memory
from chatsphere.core import engines
from chatsphere.services.types import SearchHit
from tests.apps.conversations.world import Caller, change, teach, wait_until
from tests.stubs.openai_stub import OpenAIStub, Settings, running_stub

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS, CARD = "jane.doe@example.com", "4111 1111 1111 1111"
ANSWER = ("Spare chargers are kept ", "in locker B-17 ", "[1].")


@pytest.fixture
def provider(settings: Any) -> Iterator[OpenAIStub]:
    with running_stub(Settings(tokens=ANSWER)) as (stub, url):
        settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = url, "stub"
        yield stub


def received(provider: OpenAIStub, *, embeddings: bool) -> str:
    return " ".join(
        orjson.dumps(request).decode() for request in provider.requests if ("input" in request) is embeddings
    )


async def talk(caller: Caller, chatbot: Any) -> list[dict[str, Any]]:
    """Two turns with personal data in both, the second a follow-up."""
    first = await caller.ask(chatbot, f"Where are the spare chargers kept? Write to {ADDRESS}")
    assert first.status_code == 200, first.content
    conversation = first.json()["conversation_id"]
    second = await caller.ask(chatbot, f"And are they paid by {CARD}?", conversation_id=conversation)
    assert second.status_code == 200, second.content
    await wait_until(lambda: not memory._tasks)
    return [first.json()["message"], second.json()["message"]]


async def test_an_embedding_provider_sees_neither_question_nor_history(
    caller: Caller, chatbot: Any, model: Any, provider: OpenAIStub
) -> None:
    await change(chatbot, embedding_model="openai:text-embedding-3-small@384")
    await change(chatbot, configuration={"redact_personal_data": True, "blocked_topics": ["stock prices"]})

    await talk(caller, chatbot)

    seen = received(provider, embeddings=True)
    assert "[email]" in seen
    assert "[card]" in seen
    assert "stock prices" in seen
    assert ADDRESS not in seen
    assert CARD not in seen


async def test_a_chat_provider_sees_neither_question_nor_history_nor_memory(
    caller: Caller, chatbot: Any, provider: OpenAIStub
) -> None:
    await change(chatbot, configuration={"redact_personal_data": True, "model": "openai:chat", "history_turns": 2})

    await talk(caller, chatbot)

    seen = received(provider, embeddings=False)
    assert "The last question: And are they paid by [card]?" in seen  # it was completed by the model,
    assert "You keep the notes" in seen  # and what fell out of the prompt was summed up
    assert ADDRESS not in seen
    assert CARD not in seen


async def test_a_reranker_sees_neither_words_nor_keys(
    caller: Caller, chatbot: Any, model: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Listening:
        async def rerank(self, question: str, hits: Sequence[SearchHit]) -> Sequence[float]:
            seen.extend([question, *(hit.text for hit in hits)])
            return [1.0 for _ in hits]

    settings.RERANKER = "rerank:somebody-elses"
    monkeypatch.setattr(engines, "reranker", Listening)
    key = "cs_sk_0123456789abcdef0123"
    from asgiref.sync import sync_to_async

    await sync_to_async(teach)(chatbot, f"Spare chargers need the key {key} of the locker.", title="Keys")
    await change(chatbot, configuration={"redact_personal_data": True})

    await talk(caller, chatbot)
    await caller.post(f"/api/v1/chatbots/{chatbot.pk}/search/", {"query": f"spare chargers {ADDRESS}"})

    assert "[secret]" in str(seen)
    assert "[email]" in str(seen)
    assert not any(secret in str(seen) for secret in (ADDRESS, CARD, key))


async def test_an_engine_in_this_house_sees_everything(caller: Caller, chatbot: Any, model: Any) -> None:
    await change(chatbot, configuration={"redact_personal_data": True, "model": "extractive"})
    await caller.ask(chatbot, f"Where are the spare chargers kept? Write to {ADDRESS}")
    assert ADDRESS in model.prompts[0].question


async def test_an_embedder_that_refuses_for_good_leaves_blocked_topics_to_their_words(
    caller: Caller, chatbot: Any, model: Any, provider: OpenAIStub
) -> None:
    await change(chatbot, embedding_model="openai:text-embedding-3-small@384")
    await change(chatbot, configuration={"blocked_topics": ["stock prices"]})

    provider.settings.faults.extend(["401"] * 4)
    answered = await caller.ask(chatbot)
    provider.settings.faults.extend(["401"] * 4)
    blocked = await caller.ask(chatbot, "What will the price of your stock be?")

    assert answered.status_code == 200, answered.content
    assert answered.json()["message"]["finish_reason"] == "stop"
    assert blocked.json()["message"]["finish_reason"] == "blocked"
