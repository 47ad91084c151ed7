"""Hits whose words come nearer to those of the question go up; nothing is lost, and nobody is moved without a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from chatsphere.services.ai.nearest_words import COMPARED, prefer_near
from chatsphere.services.ai.word_meanings import DIMENSIONS, Rows, pack
from chatsphere.services.types import SearchHit

ROWS: Rows = np.linalg.qr(np.random.default_rng(5).standard_normal((DIMENSIONS, DIMENSIONS)))[0].astype(np.float32)
QUESTION = pack(ROWS[:2], exact=True)
Maker = Callable[..., SearchHit]


def hit(passage: Maker, number: int, fused: float, *words: int) -> SearchHit:
    return replace(passage(f"text {number}", number=number), fused=fused, word_meanings=pack(ROWS[list(words)]))


def order(hits: tuple[SearchHit, ...]) -> list[int]:
    return [each.chunk_id.int for each in hits]


def test_the_hit_with_the_words_of_the_question_comes_first(passage: Maker) -> None:
    hits = [hit(passage, 1, 2.0, 5, 6), hit(passage, 2, 1.5, 0, 1, 7), hit(passage, 3, 1.0, 0, 8)]
    found = prefer_near(QUESTION, hits)
    assert order(found)[0] == 2
    assert found[0].words is not None
    assert found[0].words > 0.8
    assert found[0].fused > 1.5


def test_a_word_that_all_have_counts_little(passage: Maker) -> None:
    has_common = [hit(passage, n, 1.0, 0, 10 + n) for n in (1, 2, 3)]
    has_both = hit(passage, 4, 0.0, 0, 1)
    assert order(prefer_near(QUESTION, [*has_common, has_both]))[0] == 4


def test_a_hit_without_words_is_an_average_one(passage: Maker) -> None:
    hits = [hit(passage, 1, 1.0, 5), hit(passage, 2, 1.0), hit(passage, 3, 1.0, 0, 1)]
    found = prefer_near(QUESTION, hits)
    assert order(found) == [3, 2, 1]
    assert found[1].words is None


def test_without_words_everything_stays(passage: Maker) -> None:
    hits = (hit(passage, 1, 2.0, 5), hit(passage, 2, 1.0))
    assert prefer_near(QUESTION, hits) == hits  # one hit alone cannot be compared
    assert prefer_near(b"", hits) == hits
    assert prefer_near(QUESTION, ()) == ()


def test_hits_behind_the_compared_ones_stay_behind(passage: Maker) -> None:
    hits = [hit(passage, n, 100.0 - n, 5) for n in range(COMPARED)] + [hit(passage, 99, 1.0, 0, 1)]
    found = prefer_near(QUESTION, hits)
    assert order(found)[-1] == 99
    assert found[-1].words is None
    fused = [each.fused for each in found]
    assert fused == sorted(fused, reverse=True)
