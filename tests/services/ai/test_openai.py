"""The client against a provider that behaves, and against one that does not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import deque

import numpy as np
import pytest

from chatsphere.services.ai.openai import Connection, OpenAIChatModel, OpenAIEmbedder, Timeouts
from chatsphere.services.errors import (
    EngineError,
    EngineMisconfigured,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from chatsphere.services.types import ChatDone, ChatPrompt, FinishReason, TextDelta
from tests.stubs.openai_stub import OpenAIStub, default_tokens

Provider = tuple[OpenAIStub, str]

ANSWER = "".join(default_tokens(20))
QUICK = Timeouts(connect=1, first_token=0.5, between_tokens=0.4, total=5)


async def ask(model: OpenAIChatModel) -> tuple[str, ChatDone]:
    text, done = "", None
    async for event in model.stream(ChatPrompt("When?", [])):
        assert done is None
        if isinstance(event, TextDelta):
            text += event.text
        else:
            done = event
    assert done is not None
    return text, done


def chat(provider: Provider, *faults: str, timeouts: Timeouts = QUICK) -> OpenAIChatModel:
    provider[0].settings.faults = deque(faults)
    return OpenAIChatModel("stub-model", Connection("key", provider[1], timeouts))


async def test_a_good_stream(provider: Provider) -> None:
    text, done = await ask(chat(provider))
    assert text == ANSWER
    assert done.finish_reason is FinishReason.STOP
    assert (done.usage.completion_tokens, done.usage.is_estimated) == (20, False)
    request = provider[0].requests[-1]
    assert request["model"] == "stub-model"
    assert [message["role"] for message in request["messages"]] == ["system", "user"]


async def test_a_model_that_thinks_longer_than_its_first_token_may_take(provider: Provider) -> None:
    assert QUICK.first_token < 0.8
    text, _ = await ask(chat(provider, "thoughts"))
    assert text == ANSWER
    assert len(provider[0].requests) == 1


async def test_a_server_that_takes_no_connection_is_given_up_in_time() -> None:
    """A full queue of connections: the system leaves further ones unanswered."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(address)
            times = Timeouts(connect=0.3, first_token=5, between_tokens=5, total=10)
            model = OpenAIChatModel("m", Connection("key", f"http://127.0.0.1:{address[1]}/v1", times, max_attempts=1))
            began = time.monotonic()
            with pytest.raises((UpstreamTimeout, UpstreamUnavailable)):
                await ask(model)
            assert time.monotonic() - began < 4
            await model.aclose()


async def test_a_pause_that_the_provider_asks_for_is_kept(provider: Provider) -> None:
    provider[0].settings.retry_after = "1"
    began = time.monotonic()
    text, _ = await ask(chat(provider, "429"))
    assert text == ANSWER
    assert time.monotonic() - began >= 1.0
    assert len(provider[0].requests) == 2


@pytest.mark.parametrize("fault", ["429", "500", "drop", "stall"])
async def test_trouble_before_the_first_token_is_tried_again(provider: Provider, fault: str) -> None:
    text, _ = await ask(chat(provider, fault))
    assert text == ANSWER
    assert len(provider[0].requests) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("429", UpstreamRateLimited),
        ("500", UpstreamUnavailable),
        ("drop", UpstreamUnavailable),
        ("stall", UpstreamTimeout),
    ],
)
async def test_lasting_trouble_ends_after_three_attempts_and_silence_after_two(
    provider: Provider, fault: str, error: type[EngineError]
) -> None:
    with pytest.raises(error):
        await ask(chat(provider, *[fault] * 5))
    assert len(provider[0].requests) == (2 if fault == "stall" else 3)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("stall_midway", UpstreamTimeout),
        ("comments_midway", UpstreamTimeout),
        ("cut", UpstreamUnavailable),
        ("error_midway", UpstreamUnavailable),
    ],
)
async def test_nothing_is_tried_again_once_text_was_given(
    provider: Provider, fault: str, error: type[EngineError]
) -> None:
    provider[0].settings.tokens_per_second = 100
    model, text = chat(provider, fault), ""
    with pytest.raises(error):  # noqa: PT012 - the text before the error counts
        async for event in model.stream(ChatPrompt("When?", [])):
            assert isinstance(event, TextDelta)
            text += event.text
    assert text == "".join(default_tokens(20)[:10])
    assert len(provider[0].requests) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("400", UpstreamRejected),
        ("401", UpstreamRejected),
        ("garbage", UpstreamInvalid),
        ("wrong_json", UpstreamInvalid),
    ],
)
async def test_what_cannot_succeed_is_asked_once(provider: Provider, fault: str, error: type[EngineError]) -> None:
    with pytest.raises(error):
        await ask(chat(provider, fault))
    assert len(provider[0].requests) == 1


@pytest.mark.parametrize("fault", ["no_usage", "wrong_usage"])
async def test_usage_is_estimated_when_it_cannot_be_true(provider: Provider, fault: str) -> None:
    text, done = await ask(chat(provider, fault))
    assert text == ANSWER
    assert done.usage.is_estimated
    assert done.usage.completion_tokens > 0


async def test_a_stream_without_done_is_whole_when_it_has_a_finish_reason(provider: Provider) -> None:
    assert (await ask(chat(provider, "no_done")))[0] == ANSWER


async def test_a_long_retry_after_is_left_to_the_caller(provider: Provider) -> None:
    provider[0].settings.retry_after = "120"
    with pytest.raises(UpstreamRateLimited) as caught:
        await ask(chat(provider, "429"))
    assert caught.value.retry_after == 120
    assert len(provider[0].requests) == 1


async def test_the_whole_answer_has_a_deadline(provider: Provider) -> None:
    provider[0].settings.tokens_per_second = 5
    with pytest.raises(UpstreamTimeout):
        await ask(chat(provider, timeouts=Timeouts(total=1)))


async def test_no_server_is_unavailable() -> None:
    model = OpenAIChatModel("m", Connection("key", "http://127.0.0.1:9/v1", QUICK, max_attempts=1))
    with pytest.raises(UpstreamUnavailable):
        await ask(model)


async def test_tokens_that_arrive_together_come_as_one(provider: Provider) -> None:
    provider[0].settings.tokens_per_second = 200
    provider[0].settings.tokens = default_tokens(100)
    events = [event async for event in chat(provider).stream(ChatPrompt("When?", []))]
    assert len(events) < 60


async def test_the_first_token_is_not_held_back(provider: Provider) -> None:
    model = chat(provider)
    await ask(model)  # opens the connection
    began = time.monotonic()
    async for _ in model.stream(ChatPrompt("When?", [])):
        break
    assert time.monotonic() - began < 0.1


async def test_a_caller_that_leaves_frees_its_connection(provider: Provider) -> None:
    provider[0].settings.tokens_per_second = 2
    model = chat(provider)
    task = asyncio.create_task(ask(model))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    provider[0].settings.tokens_per_second = 0
    assert (await ask(model))[0] == ANSWER
    await model.aclose()


def embedder(provider: Provider, *faults: str) -> OpenAIEmbedder:
    provider[0].settings.faults = deque(faults)
    return OpenAIEmbedder("stub-model", Connection("key", provider[1], QUICK), dimensions=384)


@pytest.mark.parametrize("fault", ["429", "500", "drop", "shuffled"])
def test_passages_survive_passing_trouble(provider: Provider, fault: str) -> None:
    expected = embedder(provider).embed_passages(["one", "two words"])
    np.testing.assert_allclose(embedder(provider, fault).embed_passages(["one", "two words"]), expected)


@pytest.mark.parametrize("fault", ["short", "nan", "wrong_json"])
async def test_wrong_embeddings_are_refused_in_both_colours(provider: Provider, fault: str) -> None:
    with pytest.raises(UpstreamInvalid):
        embedder(provider, fault).embed_passages(["one", "two"])
    with pytest.raises(UpstreamInvalid):
        await embedder(provider, fault).embed_texts(["one", "two"])


def test_known_models_know_their_dimensions() -> None:
    connection = Connection("key")
    assert OpenAIEmbedder("text-embedding-3-small", connection).model.dimensions == 1536
    shortened = OpenAIEmbedder("text-embedding-3-large", connection, dimensions=1024).model
    assert (shortened.id, shortened.dimensions) == ("openai:text-embedding-3-large@1024", 1024)
    with pytest.raises(EngineMisconfigured):
        OpenAIEmbedder("unheard-of", connection)


def test_shortened_dimensions_are_asked_for(provider: Provider) -> None:
    embedding = OpenAIEmbedder("text-embedding-3-small", Connection("key", provider[1]), dimensions=64)
    assert embedding.embed_passages(["one"]).shape == (1, 64)
    assert provider[0].requests[-1]["dimensions"] == 64
