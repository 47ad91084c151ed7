from __future__ import annotations

import base64
import itertools
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.services.ai.openai_wire import (
    EventParser,
    StreamReader,
    adapt_body,
    chat_body,
    embedding_batches,
    embedding_body,
    read_embeddings,
    read_usage,
)
from chatsphere.services.errors import EngineError, UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from chatsphere.services.types import ChatPrompt, FinishReason, TokenUsage

ANSWER = (
    b": comment\n\n"
    b'data: {"model": "m-1", "choices": [{"delta": {"role": "assistant", "content": ""}}], "new_field": 1}\r\n\r\n'
    + 'data: {"choices": [{"delta": {"content": "Grüße 日本"}}]}\n\n'.encode()
    + b'event: ping\ndata: {"type": "ping"}\n\n'
    b'data: {"choices": [{"delta": {"content": "!"}, "finish_reason": null}]}\n\n'
    b'data: {"choices": [{"delta": {}, "finish_reason": "length"}]}\n\n'
    b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}\n\n'
    b"data: [DONE]\n\n"
)


@given(st.lists(st.integers(1, len(ANSWER) - 1), max_size=20))
def test_reads_the_same_however_the_network_cuts_it(cuts: list[int]) -> None:
    places = [0, *sorted(set(cuts)), len(ANSWER)]
    reader = StreamReader("m")
    text = "".join(reader.feed(ANSWER[start:end]) for start, end in itertools.pairwise(places)) + reader.end()
    assert text == "Grüße 日本!"
    done = reader.done([], text)
    assert (done.finish_reason, done.usage, done.model) == (FinishReason.LENGTH, TokenUsage(7, 3), "m-1")


def test_one_read_gives_one_text() -> None:
    assert StreamReader("m").feed(ANSWER) == "Grüße 日本!"


def test_data_of_several_lines_is_one_event() -> None:
    assert list(EventParser().feed(b'data: {"a":\ndata: 1}\n\n')) == [b'{"a":\n1}']


def test_an_ending_without_an_empty_line_counts() -> None:
    reader = StreamReader("m")
    reader.feed(b'data: {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}')
    assert reader.end() == "x"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"data: nonsense\n\n", UpstreamInvalid),
        (b"data: [1]\n\n", UpstreamInvalid),
        (b"<html>\n\n", UpstreamInvalid),
        (b"", UpstreamInvalid),
        (b"x" * 1_000_001, UpstreamInvalid),
        (b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n', UpstreamUnavailable),
        (b'data: {"error": {"message": "overloaded", "code": 503}}\n\n', UpstreamUnavailable),
        (b'data: {"error": {"message": "slow down", "code": 429}}\n\n', UpstreamUnavailable),
        (b'data: {"error": {"message": "bad", "type": "invalid_request_error"}}\n\n', UpstreamRejected),
        (b'data: {"error": "text"}\n\n', UpstreamUnavailable),
    ],
)
def test_broken_streams_are_named(data: bytes, error: type[EngineError]) -> None:
    reader = StreamReader("m")
    with pytest.raises(error):  # noqa: PT012 - either step may notice
        reader.feed(data)
        reader.end()


@pytest.mark.parametrize(
    "choices",
    [None, "text", [None], [{}], [{"delta": None}], [{"delta": {"content": None}}], [{"delta": {"content": 3}}]],
)
def test_strange_choices_say_nothing(choices: Any) -> None:
    assert StreamReader("m").feed(b"data: " + orjson.dumps({"choices": choices}) + b"\n\n") == ""


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": 1, "completion_tokens": 10**9},
        {"prompt_tokens": "5", "completion_tokens": 1},
        {"prompt_tokens": 0, "completion_tokens": 0},
    ],
)
def test_usage_that_cannot_be_true_is_estimated(usage: Any) -> None:
    assert read_usage(usage) is None
    done = StreamReader("m").done([{"role": "user", "content": "x" * 35}], "y" * 7)
    assert done.usage == TokenUsage(14, 2, is_estimated=True)


def test_the_request() -> None:
    prompt = ChatPrompt("q", [], temperature=0.1, max_output_tokens=50)
    assert chat_body("m", [{"role": "user", "content": "q"}], prompt, is_official=False) == {
        "model": "m",
        "messages": [{"role": "user", "content": "q"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.1,
        "max_tokens": 50,
    }
    assert chat_body("m", [], prompt, is_official=True)["max_completion_tokens"] == 50


def test_a_parameter_that_is_refused_is_left_out_or_renamed() -> None:
    body = chat_body("m", [], ChatPrompt("q", [], max_output_tokens=50), is_official=False)
    assert "temperature" not in (adapt_body(body, "Unsupported value: 'temperature'") or body)
    renamed = adapt_body(body, "Use 'max_completion_tokens', 'max_tokens' is not supported") or {}
    assert renamed["max_completion_tokens"] == 50
    assert "max_tokens" not in renamed
    assert adapt_body(body, "The model does not exist") is None


def vectors(*rows: list[float], order: list[int] | None = None, **extra: Any) -> bytes:
    data = [{"embedding": row, "index": index} for row, index in zip(rows, order or range(len(rows)), strict=True)]
    return orjson.dumps({"data": data, **extra})


def test_embeddings_come_back_in_the_order_asked_for_with_length_one() -> None:
    rows = read_embeddings(vectors([0, 2], [3, 4], order=[1, 0]), count=2, dimensions=2)
    np.testing.assert_allclose(rows, np.array([[0.6, 0.8], [0, 1]]), rtol=1e-6)
    assert rows.dtype == np.float32


def test_base64_is_read_too() -> None:
    coded = base64.b64encode(np.array([3, 4], "<f4").tobytes()).decode()
    rows = read_embeddings(orjson.dumps({"data": [{"embedding": coded, "index": 0}]}), count=1, dimensions=2)
    np.testing.assert_allclose(rows, [[0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize(
    "content",
    [
        b"no json",
        b"[]",
        b"{}",
        vectors([1, 0]),
        vectors([1, 0], [1, 0], [1, 0]),
        vectors([1, 0], [1, 0], order=[0, 0]),
        vectors([1, 0], [1, 0], order=[0, 5]),
        vectors([1, 0], [1, 0, 0]),
        vectors([1, 0], [0, 0]),
        b'{"data": [{"embedding": [1, 0], "index": 0}, {"embedding": "!!", "index": 1}]}',
        b'{"data": [{"embedding": [1, 0], "index": 0}, {"embedding": ["x", 0], "index": 1}]}',
        b'{"data": [{"embedding": [1, 0], "index": 0}, "row"]}',
    ],
)
def test_wrong_embeddings_are_refused(content: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        read_embeddings(content, count=2, dimensions=2)


def test_batches_keep_order_and_limits() -> None:
    texts = ["word " * 700] * 150 + ["x"] * 600
    batches = embedding_batches(texts)
    assert [index for batch in batches for index in batch] == list(range(750))
    assert max(map(len, batches)) <= 256
    assert embedding_batches([]) == []
    assert len(embedding_batches(["x" * 1_000_000, "y"])) == 2


def test_the_embedding_request_leaves_nothing_empty() -> None:
    assert embedding_body("m", ["a", ""], dimensions=256, is_base64=True, max_tokens=9) == {
        "model": "m",
        "input": ["a", " "],
        "dimensions": 256,
        "encoding_format": "base64",
    }
    assert embedding_body("m", ["a" * 99], dimensions=None, is_base64=False, max_tokens=2) == {
        "model": "m",
        "input": ["a" * 6],
    }
