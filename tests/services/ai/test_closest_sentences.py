from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from chatsphere.services.ai.closest_sentences import LONGEST, READ, closest_sentences, read_closely
from chatsphere.services.types import SearchHit, Vectors

Passage = Callable[..., SearchHit]
QUESTION = "How long is the notice period for apprentices?"
QUESTION_VECTOR = np.array([1, 0], np.float32)
ABOUT = "Apprentices sign a contract. Holidays are agreed with the master."
ANSWERS = "The canteen opens at noon. The notice period for apprentices is four weeks. Bicycles go into the yard."


class Pointing:
    """Texts with this word point where the question points, the others elsewhere."""

    def __init__(self, word: str = "four weeks") -> None:
        self.word = word
        self.asked: list[str] = []

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return np.array([[1, 0] if self.word in text else [0, 1] for text in texts], np.float32)


def scored(hits: Sequence[SearchHit], *fused: float) -> list[SearchHit]:
    return [replace(hit, fused=score) for hit, score in zip(hits, fused, strict=True)]


async def read(hits: Sequence[SearchHit], embedder: Pointing) -> tuple[SearchHit, ...]:
    return await read_closely(QUESTION, QUESTION_VECTOR, hits, embedder, language="en")


async def test_the_passage_with_the_sentence_that_answers_comes_first(passage: Passage) -> None:
    hits = scored([passage(ABOUT), passage(ANSWERS, number=2)], 1.0, 0.5)
    first, second = await read(hits, Pointing())
    assert (first.text, second.text) == (ANSWERS, ABOUT)
    assert (first.sentence, second.sentence) == (1.0, 0.0)
    assert (first.sentence_coverage or 0.0) > 0.5
    assert (second.sentence_coverage or 0.0) < 0.4


async def test_one_sentence_a_passage_is_embedded_behind_its_title_and_headings(passage: Passage) -> None:
    hit = replace(passage(ANSWERS), title="Staff", heading_path=("Contracts", "Ends"))
    embedder = Pointing()
    await read([hit, passage(ABOUT, number=2)], embedder)
    assert embedder.asked[0] == "Staff › Contracts › Ends\nThe notice period for apprentices is four weeks."
    assert len(embedder.asked) == 2


async def test_hits_further_down_are_not_read_and_stay_behind(passage: Passage) -> None:
    hits = [replace(passage(f"Text {n}.", number=n), fused=-n / 10) for n in range(1, READ + 4)]
    embedder = Pointing("Text 6.")
    found = await read(hits, embedder)
    assert len(embedder.asked) == READ
    assert found[0].text == "Text 6."
    assert found[READ:] == tuple(hits[READ:])
    shown = [hit.fused if hit.rerank is None else hit.rerank for hit in found]
    assert shown == sorted(shown, reverse=True)


async def test_where_the_first_is_far_ahead_nobody_is_asked(passage: Passage) -> None:
    embedder = Pointing()
    hits = scored([passage(ABOUT), passage(ANSWERS, number=2), passage(ANSWERS, number=3)], 3.0, 1.4, 1.3)
    assert await read(hits, embedder) == tuple(hits)
    assert embedder.asked == []


async def test_without_hits_or_words_nobody_is_asked(passage: Passage) -> None:
    embedder = Pointing()
    assert await read([], embedder) == ()
    hit = passage(ABOUT)
    assert await read_closely("  ", QUESTION_VECTOR, [hit], embedder) == (hit,)
    assert embedder.asked == []


def test_rows_of_tables_count_as_sentences_and_endless_ones_are_cut(passage: Passage) -> None:
    table = passage("| plan | notice period |\n|---|---|\n| apprentices | four weeks |\n| directors | six months |")
    [(text, coverage)] = closest_sentences("notice of apprentices", [table], language="en")
    assert "apprentices" in text
    assert "directors" not in text
    assert coverage > 0
    [(text, _)] = closest_sentences("word", [passage("word " * 1_000)], language="en")
    assert len(text.partition("\n")[2] or text) <= LONGEST
