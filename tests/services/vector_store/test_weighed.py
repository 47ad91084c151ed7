"""A question is weighed in one round trip to PostgreSQL, near words included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from chatsphere.services.types import SearchRequest
from chatsphere.services.vector_store import wire
from chatsphere.services.vector_store.analysis import count_terms
from chatsphere.services.vector_store.large_chatbots import LEAST_ROWS, lookups
from chatsphere.services.vector_store.term_counts import TermCounts
from chatsphere.services.vector_store.weighed import Remembered, Rows, Weighed, weigh


class Statistics:
    """What PostgreSQL would say of a chatbot with these chunks. ``asked`` are the terms of each round trip, ``sent`` whether it brought the vocabulary."""

    def __init__(self, language: str, *chunks: str) -> None:
        counted = [np.array(sorted(count_terms(chunk, language)), np.int32) for chunk in chunks]
        self._terms = TermCounts.of(counted)
        self._totals = ({language: len(chunks)}, len(chunks), float(sum(map(len, counted))))
        self.asked: list[set[int]] = []
        self.sent: list[bool] = []

    async def __call__(self, name: str, parameters: Mapping[str, Any]) -> Rows:
        assert name == "knowledge"
        terms = np.frombuffer(parameters["terms"].data[20:], ">i4")[1::2].tolist()
        known = dict(zip(self._terms.terms.tolist(), self._terms.counts.tolist(), strict=True))
        frequencies = [float(known.get(term, 0)) for term in terms]
        stamp = (parameters["remembered_chunks"], parameters["remembered_length"])
        wanted = (not all(frequencies) or parameters["wants_vocabulary"]) and stamp != self._totals[1:]
        self.asked.append(set(terms))
        self.sent.append(wanted)
        return [(*self._totals, 7, frequencies, self._packed() if wanted else None)]

    def _packed(self) -> bytes:
        parts = self._terms.buckets(4).values()
        return b"".join(wire.sparse_vector(part.terms, part.counts.astype(np.float32)) for part in parts)


def terms(words: str, language: str) -> set[int]:
    return set(count_terms(words, language))


async def weighed(statistics: Statistics, text: str, remembered: Remembered | None = None) -> Weighed:
    return await weigh(
        SearchRequest(UUID(int=1), UUID(int=2), text, None, None), statistics, remembered or Remembered()
    )


async def test_a_known_question_takes_one_round_trip_and_no_vocabulary() -> None:
    statistics = Statistics("en", "The warranty lasts long", "The warranty of a car")
    question = await weighed(statistics, "warranty lasts")
    assert statistics.asked == [terms("warranty lasts", "en")]
    assert statistics.sent == [False]
    assert {term: question.frequencies[term] for term in question.question.counts} == {
        **dict.fromkeys(terms("warranty", "en"), 2),
        **dict.fromkeys(terms("lasts", "en"), 1),
    }
    assert (question.chunks, question.key, list(question.idf)) == (2, 7, sorted(question.question.counts))


async def test_a_misspelt_question_takes_one_round_trip_and_the_right_words() -> None:
    statistics, remembered = Statistics("en", "The warranty lasts long", "A car"), Remembered()
    for _ in range(2):
        question = await weighed(statistics, "warrnty lasts", remembered)
        assert set(question.question.counts) == terms("warranty lasts", "en")
        assert set(question.idf) == terms("warranty lasts", "en")
    assert statistics.sent == [True, False]  # then it is remembered


async def test_a_language_that_the_question_shows_takes_one_round_trip() -> None:
    statistics = Statistics("de", "Die Kündigungsfrist beträgt vier Wochen.", "Frist. Kündigung.")
    question = await weighed(statistics, "Welche Frist gilt bei einer Kündigung?")
    assert terms("Kündigungsfrist", "de") <= set(question.question.counts)
    assert len(statistics.asked) == 1


async def test_a_wrong_guess_is_made_good_once() -> None:
    statistics, remembered = (
        Statistics("de", "Die Kündigungsfrist beträgt vier Wochen.", "Fristen. Kündigung."),
        Remembered(),
    )
    for trips in (2, 3):
        question = await weighed(statistics, "Kündigung Fristen", remembered)
        assert terms("Kündigung Fristen Kündigungsfrist", "de") <= set(question.question.counts)
        assert len(statistics.asked) == trips


async def test_a_chatbot_of_which_nothing_is_counted() -> None:
    asked = []

    async def nothing(name: str, _parameters: Mapping[str, Any]) -> Rows:
        asked.append(name)
        return []

    remembered = Remembered()
    for trips in (2, 3):
        request = SearchRequest(UUID(int=1), UUID(int=2), "warranty", None, None)
        question = await weigh(request, nothing, remembered)
        assert (question.chunks, list(question.frequencies.values())) == (0, [0.0])
        assert list(question.idf) == list(terms("warranty", ""))
        assert len(asked) == trips


async def test_a_question_without_a_word() -> None:
    question = await weighed(Statistics("en", "The warranty lasts long"), "?")
    assert (dict(question.idf), question.chunks) == ({}, 1)


def _named(frequencies: Mapping[int, float], chunks: int) -> dict[str, list[int]]:
    found = lookups(frequencies, chunks, -3)
    keys = {name: np.frombuffer(data.data[20:], ">i4").reshape(-1, 3) for name, data in found.items() if data}
    assert all((rows[:, 1] == -3).all() for rows in keys.values())
    return {name: rows[:, 2].tolist() for name, rows in keys.items()}


@pytest.mark.parametrize(
    ("frequencies", "named"),
    [
        ({1: 0, 2: 300, 3: 100}, {"rare": [3, 2]}),
        ({1: 9_000}, {"first_two": [1]}),
        ({1: 9_000, 2: 8_000}, {"first_two": [2, 1]}),
        ({1: 300, 2: 9_000, 3: 8_000}, {"rare": [1]}),
        (
            {1: 300, 2: 2_000, 3: 3_000, 4: 4_000, 5: 5_000},
            {"rare": [1], "first_two": [2, 3], "first_and_third": [2, 4]},
        ),
        ({}, {}),
    ],
)
def test_which_terms_are_looked_up(frequencies: Mapping[int, float], named: dict[str, list[int]]) -> None:
    """Of 10,000 chunks rare words may name 1,200, two together 800 by chance."""
    assert LEAST_ROWS < 800
    assert _named(frequencies, 10_000) == named
