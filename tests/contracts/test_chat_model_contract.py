"""What every chat model promises, asked of each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from uuid import UUID

import pytest

from chatsphere.services.ai.base import ChatModel
from chatsphere.services.ai.citations import scan_answer
from chatsphere.services.ai.extractive import ExtractiveChatModel
from chatsphere.services.ai.hashing import HashingEmbedder
from chatsphere.services.ai.openai import Connection, OpenAIChatModel
from chatsphere.services.types import ChatDone, ChatEvent, ChatPrompt, FinishReason, SearchHit, TextDelta, Turn
from tests.stubs.openai_stub import Settings, running_stub

TEXT = "Orders ship in two days. Refunds are paid within 14 days of the return. Shipping is free."
QUESTION = "When are refunds paid?"


def _hit(number: int) -> SearchHit:
    one = UUID(int=number)
    return SearchHit(one, one, one, "Handbook", "", None, (), TEXT, 0, len(TEXT), 0.6, 5.0, 1.0)


@pytest.fixture(params=["extractive", "extractive without embedder", "openai"])
def make_model(request: pytest.FixtureRequest) -> Iterator[Callable[[], ChatModel]]:
    """Makes the model inside the test's event loop."""
    if request.param == "extractive":
        yield lambda: ExtractiveChatModel(HashingEmbedder())
    elif request.param == "extractive without embedder":
        yield lambda: ExtractiveChatModel(None)
    else:
        tokens = ("Refunds ", "are ", "paid ", "within ", "14 ", "days ", "[1", "].")
        with running_stub(Settings(tokens=tokens)) as (_, url):
            yield lambda: OpenAIChatModel("stub-model", Connection("key", url))


async def collect(events: AsyncIterator[ChatEvent]) -> tuple[str, ChatDone]:
    gathered = [event async for event in events]
    done = gathered.pop()
    assert isinstance(done, ChatDone)
    assert all(isinstance(event, TextDelta) and event.text for event in gathered)
    return "".join(event.text for event in gathered if isinstance(event, TextDelta)), done


async def test_text_then_exactly_one_done(make_model: Callable[[], ChatModel]) -> None:
    text, done = await collect(make_model().stream(ChatPrompt(QUESTION, [_hit(1), _hit(2)], language="en")))
    assert "14 days" in text
    assert done.finish_reason is FinishReason.STOP
    assert done.usage.prompt_tokens > 0
    assert done.usage.completion_tokens > 0
    assert done.model


async def test_what_it_cites_is_there(make_model: Callable[[], ChatModel]) -> None:
    passages = [_hit(1), _hit(2)]
    text, _ = await collect(make_model().stream(ChatPrompt(QUESTION, passages, language="en")))
    shown, report = scan_answer(text, passages, language="en")
    assert shown == text
    assert report.grounded
    for citation in report.citations:
        assert TEXT[citation.char_start : citation.char_end] == citation.quote


async def test_streams_side_by_side_do_not_mix(make_model: Callable[[], ChatModel]) -> None:
    model = make_model()
    alone, _ = await collect(model.stream(ChatPrompt(QUESTION, [_hit(1)], language="en")))
    together = await asyncio.gather(*[
        collect(model.stream(ChatPrompt(QUESTION, [_hit(1)], history=[Turn("user", "Hi")], language="en"))) for _ in range(20)
    ])  # fmt: skip
    assert [text for text, _ in together] == [alone] * 20


async def test_a_reader_may_leave_in_the_middle(make_model: Callable[[], ChatModel]) -> None:
    model = make_model()
    async for _ in model.stream(ChatPrompt(QUESTION, [_hit(1)], language="en")):
        break
    text, _ = await collect(model.stream(ChatPrompt(QUESTION, [_hit(1)], language="en")))
    assert "14 days" in text


def test_it_is_named_as_settings_spell_it(make_model: Callable[[], ChatModel]) -> None:
    assert make_model().name in {"extractive", "openai:stub-model"}
