"""Answers without a language model: the sentences of the passages that answer best, quoted character for character.

Two steps. ``preselect`` ranks all sentences by words and passage rank and keeps at most 10, because embedding is what costs time.
``pick_sentences`` scores those by ``cosine(question, sentence) + IDF coverage − 0.1 · passage rank`` and keeps the best one and up to
two others that come near it. docs/algorithms/extractive_answers.md has the figures.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chatsphere.services.ai.lone_marks import without_lone_marks
from chatsphere.services.ai.sentences import Kind, Sentence, split_sentences
from chatsphere.services.ai.tokens import estimate_tokens
from chatsphere.services.errors import RetryableError
from chatsphere.services.types import (
    ChatDone,
    ChatEvent,
    ChatPrompt,
    FinishReason,
    SearchHit,
    TextDelta,
    TokenUsage,
    Vectors,
)
from chatsphere.services.vector_store.analysis import count_terms

MAX_CANDIDATES = 10
MAX_SENTENCES = 3
RANK_COST = 0.1
FALLBACK_LANGUAGE = "en"  # of a chatbot without one; both sides are stemmed alike, so others lose little
NEAR_BEST = 0.25  # a further sentence may score this much less than the best
_IS_QUESTION = re.compile(r"[?？؟][\"'”’»)\]*_]*$")
LEAST_SCORE = 0.25  # below, nothing in the passages supports an answer


class TextEmbedder(Protocol):
    """The part of an embedder that an extractive answer needs."""

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors in order, ahead of work that can wait."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer. ``header`` is a table row's header, verbatim from the same passage, else empty."""

    passage_index: int
    start: int
    end: int
    text: str
    header: str
    coverage: float  # share of the question's words in it, weighted by IDF
    is_code: bool = False
    asked: str = ""  # the question that stands before it

    @property
    def lexical(self) -> float:
        return self.coverage - RANK_COST * self.passage_index


@dataclass(frozen=True, slots=True)
class PickedSentence:
    """A sentence of the answer: ``passages[passage_index].text[start:end] == text``."""

    passage_index: int
    start: int
    end: int
    text: str
    score: float
    header: str = ""
    is_code: bool = False


def preselect(
    question: str, passages: Sequence[SearchHit], *, language: str = "", limit: int = MAX_CANDIDATES
) -> list[Candidate]:
    """The sentences worth embedding, best first by words and passage rank."""
    sentences = [
        (index, sentence, asked)
        for index, passage in enumerate(passages)
        for sentence, asked in _answering(passage.text)
    ]
    language = language or FALLBACK_LANGUAGE
    terms = [
        set(count_terms(f"{asked}\n{_words_of(passages[index], sentence)}", language))
        for index, sentence, asked in sentences
    ]
    weights = idf_among(set(count_terms(question, language)), terms)
    found = [
        _candidate(index, passages[index], sentence, asked, coverage_of(weights, own))
        for (index, sentence, asked), own in zip(sentences, terms, strict=True)
    ]
    unique = {candidate.text: candidate for candidate in reversed(found)}
    return sorted(unique.values(), key=lambda candidate: -candidate.lexical)[:limit]


def _answering(text: str) -> Iterator[tuple[Sentence, str]]:
    """Each sentence that may answer, with the question before it: a question answers nothing, what follows it does."""
    asked = ""
    for sentence in split_sentences(text):
        quote = text[sentence.start : sentence.end]
        if sentence.kind is Kind.SENTENCE and _IS_QUESTION.search(quote):
            asked = quote
        else:
            yield sentence, asked
            asked = ""


def pick_sentences(candidates: Sequence[Candidate], similarity: Sequence[float]) -> list[PickedSentence]:
    """At most three sentences, the best first; none when even the best is too weak. ``similarity`` is one cosine a candidate."""
    scored = sorted(
        zip(
            candidates,
            (candidate.lexical + cosine for candidate, cosine in zip(candidates, similarity, strict=True)),
            strict=True,
        ),
        key=lambda pair: -pair[1],
    )
    if not scored or scored[0][1] < LEAST_SCORE:
        return []
    best, highest = scored[0]
    near = [(each, score) for each, score in scored if score >= highest - NEAR_BEST and not _is_other_row(each, best)]
    return [_picked(each, score) for each, score in near[:MAX_SENTENCES]]


def _is_other_row(candidate: Candidate, best: Candidate) -> bool:
    """A row of the best row's table that holds fewer of the question's words is about something else, however alike it looks."""
    same_table = bool(best.header) and (candidate.passage_index, candidate.header) == (best.passage_index, best.header)
    return same_table and candidate.coverage < best.coverage


def answer_text(picked: Sequence[PickedSentence]) -> list[str]:
    """The answer in pieces, one a sentence or table: the quote and its number. Rows of one table stand together under its header, in its order."""
    pieces: list[str] = []
    for quotes in _by_table(picked):
        text, is_block = _quote(quotes)
        gap = "\n\n" if is_block or (pieces and pieces[-1].startswith("\n\n")) else " "
        pieces.append(f"{gap}{text}{chr(10) * 2 if is_block else ' '}[{quotes[0].passage_index + 1}]")
    return [piece.lstrip() if place == 0 else piece for place, piece in enumerate(pieces)]


def _by_table(picked: Sequence[PickedSentence]) -> list[list[PickedSentence]]:
    """Each sentence by itself, the rows of one table together at the place of the first."""
    groups: dict[object, list[PickedSentence]] = {}
    for place, each in enumerate(picked):
        groups.setdefault((each.passage_index, each.header) if each.header else place, []).append(each)
    return [sorted(group, key=lambda each: each.start) for group in groups.values()]


def _quote(group: Sequence[PickedSentence]) -> tuple[str, bool]:
    """What is shown, and whether it is a block by itself."""
    first = group[0]
    if first.header or first.is_code or first.text.startswith("|"):
        return "\n".join([first.header, *(each.text for each in group)] if first.header else [first.text]), True
    return without_lone_marks(first.text), False


class ExtractiveChatModel:
    """Quotes instead of writing. Without an embedder, or while it is away, sentences are chosen by their words alone."""

    name = "extractive"

    def __init__(self, embedder: TextEmbedder | None) -> None:
        self._embedder = embedder

    async def stream(self, prompt: ChatPrompt) -> AsyncIterator[ChatEvent]:
        """One delta a sentence; no delta and ``refused_no_context`` when nothing in the passages supports an answer."""
        question = prompt.about or prompt.question
        candidates = preselect(question, prompt.passages, language=prompt.language)
        picked = pick_sentences(candidates, await self._similarity(question, candidates))
        pieces = answer_text(picked)
        for piece in pieces:
            yield TextDelta(piece)
        usage = TokenUsage(_prompt_tokens(prompt), estimate_tokens("".join(pieces)), is_estimated=True)
        yield ChatDone(FinishReason.STOP if picked else FinishReason.REFUSED_NO_CONTEXT, usage, self.name)

    async def _similarity(self, question: str, candidates: Sequence[Candidate]) -> list[float]:
        if self._embedder is None or not candidates:
            return [0.0] * len(candidates)
        try:
            vectors = await self._embedder.embed_texts([question, *(_shown(candidate) for candidate in candidates)])
        except RetryableError:
            return [0.0] * len(candidates)
        cosines: list[float] = (vectors[1:] @ vectors[0]).tolist()
        return cosines


def _candidate(index: int, passage: SearchHit, sentence: Sentence, asked: str, coverage: float) -> Candidate:
    return Candidate(
        passage_index=index,
        start=sentence.start,
        end=sentence.end,
        text=passage.text[sentence.start : sentence.end],
        header=_header(passage, sentence),
        coverage=coverage,
        is_code=sentence.kind is Kind.CODE,
        asked=asked,
    )


def _picked(candidate: Candidate, score: float) -> PickedSentence:
    return PickedSentence(
        candidate.passage_index,
        candidate.start,
        candidate.end,
        candidate.text,
        score,
        candidate.header,
        candidate.is_code,
    )


def _header(passage: SearchHit, sentence: Sentence) -> str:
    return passage.text[slice(*sentence.header)] if sentence.header else ""


def _words_of(passage: SearchHit, sentence: Sentence) -> str:
    text = passage.text[sentence.start : sentence.end]
    return f"{_header(passage, sentence)}\n{text}" if sentence.header else text


def _shown(candidate: Candidate) -> str:
    return "\n".join(part for part in (candidate.header, candidate.asked, candidate.text) if part)


def idf_among(question: set[int], sentences: Iterable[set[int]]) -> dict[int, float]:
    """BM25's inverse document frequency over the found sentences, of the question's terms."""
    frequency: Counter[int] = Counter()
    count = 0
    for terms in sentences:
        frequency.update(question & terms)
        count += 1
    return {term: math.log(1 + (count - frequency[term] + 0.5) / (frequency[term] + 0.5)) for term in question}


def coverage_of(weights: Mapping[int, float], terms: set[int]) -> float:
    """The share of the weights whose terms are among these, 0 to 1."""
    total = sum(weights.values())
    return sum(weight for term, weight in weights.items() if term in terms) / total if total else 0.0


def _prompt_tokens(prompt: ChatPrompt) -> int:
    return estimate_tokens(prompt.question) + sum(estimate_tokens(passage.text) for passage in prompt.passages)
