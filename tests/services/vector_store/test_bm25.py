"""Stored weights and their correction, against the formula written out."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from chatsphere.services.vector_store import bm25
from chatsphere.services.vector_store.analysis import number_term


def plain_bm25(frequency: int, length: float, average: float) -> float:
    return frequency * (bm25.K1 + 1) / (frequency + bm25.K1 * (1 - bm25.B + bm25.B * length / average))


@pytest.mark.parametrize("average", [15.0, 80.0, 200.0])
@pytest.mark.parametrize("length", [5, 60, 300])
def test_words_that_occur_once_score_exactly(length: int, average: float) -> None:
    counts = Counter(dict.fromkeys(range(1, length + 1), 1))
    _, weights, stored_length = bm25.stored_weights(counts)
    factor = bm25.length_factors(np.array([stored_length]), average)[0]
    assert weights[0] * factor == pytest.approx(plain_bm25(1, length, average), rel=1e-5)


@pytest.mark.parametrize("frequency", [2, 5, 20])
def test_every_frequency_scores_exactly_at_the_reference_length(frequency: int) -> None:
    counts = Counter({1: frequency, 2: 30})
    _, weights, length = bm25.stored_weights(counts)
    factor = bm25.length_factors(np.array([length]), bm25.REFERENCE_LENGTH)[0]
    assert factor == pytest.approx(1)
    assert weights[0] == pytest.approx(plain_bm25(frequency, length, bm25.REFERENCE_LENGTH), rel=1e-5)


def test_terms_ascend_whatever_their_order() -> None:
    terms, weights, _ = bm25.stored_weights({30: 1, 10: 5, 20: 1})
    assert terms.tolist() == [10, 20, 30]
    assert weights.argmax() == 0


def test_a_title_counts_more_than_text() -> None:
    counts = bm25.chunk_counts("Leave", "leave days", "en")
    assert counts[number_term("leav")] == 1 + bm25.CONTEXT_WEIGHT
    assert counts[number_term("day")] == 1


def test_only_the_most_frequent_terms_of_a_giant_are_kept() -> None:
    counts = dict.fromkeys(range(1, bm25.MAX_TERMS + 10), 1) | {7: 9}
    terms, _, _ = bm25.stored_weights(counts)
    assert len(terms) == bm25.MAX_TERMS
    assert 7 in terms


def test_many_chunks_are_weighed_as_each_would_be_alone() -> None:
    giant = " ".join(f"word{number}" for number in range(bm25.MAX_TERMS + 50))
    chunks = [
        ("Leave", "leave days, 1,000 days and maxTokens", "en"), ("", "", "en"), ("Urlaub › Tage", "Die Häuser der Tage", "de"),
        ("", "leave", ""), ("", giant, "en"), ("Only", "the", "en"), ("日本", "東京の天気", "ja"),
    ]  # fmt: skip
    for chunk, (terms, weights, length) in zip(chunks, bm25.weigh(chunks), strict=True):
        alone = bm25.stored_weights(bm25.chunk_counts(*chunk))
        assert len(terms) == len(alone.terms)
        if len(terms) < bm25.MAX_TERMS:  # which of equally frequent ones a giant keeps is left open
            assert terms.tolist() == alone.terms.tolist()
            assert weights.tolist() == alone.weights.tolist()
            assert length == alone.length
    assert bm25.weigh([]) == []


def test_idf_is_never_negative() -> None:
    values = bm25.inverse_document_frequency(np.array([0.0, 5.0, 10.0, 20.0]), 10)
    assert values[0] == pytest.approx(math.log(1 + 10.5 / 0.5))
    assert (values > 0).all()
    assert (np.diff(values) < 0).all()
