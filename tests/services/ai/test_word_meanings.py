"""What words mean where they stand: which tokens are a word, how little is kept of it, and what comes near."""

from __future__ import annotations

import numpy as np
import pytest

from chatsphere.services.ai.local_files import MINILM
from chatsphere.services.ai.local_model import LocalModel
from chatsphere.services.ai.word_meanings import DIMENSIONS, NO_WORD, Rows, nearest, pack, words_of


def offsets(text: str, *tokens: str) -> list[tuple[int, int]]:
    found, start = [(0, 0)], 0
    for token in tokens:
        start = text.index(token, start)
        found.append((start, start + len(token)))
        start += len(token)
    return found


def unit_rows(count: int, seed: int = 1) -> Rows:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSIONS)).astype(np.float32)
    unit: Rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


@pytest.fixture(scope="module")
def model() -> LocalModel:
    return LocalModel(MINILM.model.id)


def read(model: LocalModel, text: str, *, exact: bool = False) -> bytes:
    _, (rows,) = model.read(model.encode_words([text]))
    return pack(rows, exact=exact)


def test_tokens_that_touch_are_one_word_and_equal_words_one_number() -> None:
    text = "The refund, a Refund of chargers"
    assert words_of(text, offsets(text, "The", "refund", ",", "a", "Refund", "of", "charge", "rs")) == [
        NO_WORD, NO_WORD, 0, NO_WORD, NO_WORD, 0, NO_WORD, 1, 1,
    ]  # fmt: skip


def test_signs_and_function_words_are_no_words() -> None:
    assert set(words_of("What is it?", offsets("What is it?", "What", "is", "it", "?"))) == {NO_WORD}


def test_a_word_takes_24_bytes_and_keeps_its_neighbours() -> None:
    rows = unit_rows(200)
    packed = pack(rows)
    assert len(packed) == 1 + 24 * 200
    cosines = nearest(pack(rows[:20], exact=True), [packed])[0]
    assert cosines.min() > 0.85
    strangers = nearest(pack(unit_rows(20, seed=2), exact=True), [packed])[0]
    assert strangers.max() < 0.5


def test_passages_without_words_are_unknown_and_a_question_without_has_no_column() -> None:
    packed = pack(unit_rows(3))
    wordless = pack(np.empty((0, DIMENSIONS), np.float32))
    assert wordless, "that a passage has no words is told, so that nobody asks again"
    cosines = nearest(pack(unit_rows(2), exact=True), [b"", packed, b"\x09strange", wordless])
    assert np.isnan(cosines[[0, 2, 3]]).all()
    assert not np.isnan(cosines[1]).any()
    assert nearest(b"", [packed]).shape == (1, 0)
    assert pack(np.empty((0, DIMENSIONS), np.float32), exact=True) == b""


def test_each_word_looks_for_its_nearest(model: LocalModel) -> None:
    question = read(model, "When may I bring my dog to work?", exact=True)
    pets = read(model, "Puppies are welcome in the office on Fridays.")
    taxes = read(model, "Income tax is due in the second week of May.")
    near, far = nearest(question, [pets, taxes])
    assert near.mean() > far.mean() + 0.1


def test_reading_gives_the_same_vector_as_embedding(model: LocalModel) -> None:
    texts = ["Refunds take five days.", "", "?!"]
    vectors, rows = model.read(model.encode_words(texts))
    np.testing.assert_allclose(vectors, model.run(model.encode(texts)), atol=1e-5)
    assert [len(each) for each in rows] == [4, 0, 0]
