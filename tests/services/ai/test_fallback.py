"""A chain of models: who is asked, who is left alone, and who spoke."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chatsphere.services.ai.fallback import FallbackChatModel
from chatsphere.services.errors import EngineError, UpstreamRateLimited, UpstreamTimeout, UpstreamUnavailable
from chatsphere.services.types import ChatDone, ChatEvent, ChatPrompt, FinishReason, TextDelta, TokenUsage

PROMPT = ChatPrompt("Why?", ())


class Model:
    def __init__(self, name: str, *, error: EngineError | None = None, words: tuple[str, ...] = ("yes",)) -> None:
        self.name, self.error, self.words, self.asked = name, error, words, 0

    async def stream(self, prompt: ChatPrompt) -> AsyncIterator[ChatEvent]:
        self.asked += 1
        for word in self.words:
            yield TextDelta(word)
        if self.error:
            raise self.error
        yield ChatDone(FinishReason.STOP, TokenUsage(3, 1), "provider's name")


class Notes:
    def __init__(self, **waits: float) -> None:
        self.waits, self.heard = waits, list[str]()

    async def wait_for(self, name: str) -> float:
        return self.waits.get(name, 0.0)

    async def failed(self, name: str) -> None:
        self.heard.append(f"{name} failed")

    async def succeeded(self, name: str) -> None:
        self.heard.append(f"{name} succeeded")

    async def rest(self, name: str, seconds: float) -> None:
        self.heard.append(f"{name} rests {seconds:.0f}")


async def listen(model: FallbackChatModel) -> list[ChatEvent]:
    return [event async for event in model.stream(PROMPT)]


async def test_the_second_answers_when_the_first_fails_without_a_word() -> None:
    notes = Notes()
    model = FallbackChatModel([Model("a", error=UpstreamUnavailable(), words=()), Model("b")], notes)
    events = await listen(model)
    assert [(type(event), event.engine) for event in events] == [(TextDelta, "b"), (ChatDone, "b")]
    assert notes.heard == ["a failed", "b succeeded"]
    assert model.name == "a"


async def test_nobody_goes_on_with_the_words_of_another() -> None:
    second = Model("b")
    chain = FallbackChatModel([Model("a", error=UpstreamTimeout(), words=("half",)), second], Notes())
    with pytest.raises(UpstreamTimeout):
        await listen(chain)
    assert second.asked == 0


async def test_a_rate_limit_moves_on_but_is_no_outage() -> None:
    notes = Notes()
    await listen(FallbackChatModel([Model("a", error=UpstreamRateLimited(), words=()), Model("b")], notes))
    assert notes.heard == ["b succeeded"]


async def test_who_is_left_alone_is_not_asked() -> None:
    first, second = Model("a"), Model("b")
    await listen(FallbackChatModel([first, second], Notes(a=4.0)))
    assert (first.asked, second.asked) == (0, 1)


async def test_all_left_alone_is_said_at_once_with_the_shortest_wait() -> None:
    with pytest.raises(UpstreamUnavailable, match="in 4 seconds") as caught:
        await listen(FallbackChatModel([Model("a"), Model("b")], Notes(a=9.0, b=4.0)))
    assert caught.value.retry_after == 4.0


@pytest.mark.parametrize(("seconds", "heard"), [(30.0, ["a rests 30", "b succeeded"]), (2.0, ["b succeeded"])])
async def test_a_model_that_asks_for_a_long_pause_gets_it(seconds: float, heard: list[str]) -> None:
    notes = Notes()
    first = Model("a", error=UpstreamRateLimited("slow down", retry_after=seconds), words=())
    assert (await listen(FallbackChatModel([first, Model("b")], notes)))[0].engine == "b"
    assert notes.heard == heard
