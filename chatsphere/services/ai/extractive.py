"""Answers without a language model: the sentences of the passages that answer best, quoted character for character.

Two steps. ``preselect`` ranks all sentences by words and passage rank and keeps at most 10, because embedding is what costs time.
``pick_sentences`` scores those by ``cosine(question, sentence) + IDF coverage − 0.1 · passage rank`` and keeps the best one and up to
two others that come near it. docs/algorithms/extractive_answers.md has the figures.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from chatsphere.services.ai.answer_units import Unit, units_of
from chatsphere.services.ai.identifiers import holds, identifiers_in
from chatsphere.services.ai.leaning import names_figure, names_frequency, with_what_it_leans_on, with_what_leans_on_it
from chatsphere.services.ai.lone_marks import without_lone_marks
from chatsphere.services.ai.question_kinds import asks_how_often, asks_how_to, asks_measure, asks_what_happens
from chatsphere.services.ai.sentences import Kind, split_sentences
from chatsphere.services.ai.table_answers import Rows, header_of, named_by, names_of, rows_asked_for
from chatsphere.services.ai.tokens import estimate_tokens
from chatsphere.services.content.table_columns import cells_of
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
from chatsphere.services.vector_store.near_words import Vocabulary, near_terms
from chatsphere.services.vector_store.questions import without_function_words
from chatsphere.services.vector_store.term_counts import TermCounts

MAX_CANDIDATES = 10
MAX_SENTENCES = 3
RANK_COST = 0.1
FALLBACK_LANGUAGE = "en"  # of a chatbot without one; both sides are stemmed alike, so others lose little
NEAR_BEST = 0.25  # a further sentence may score this much less than the best
BLOCK_NEAR_BEST = 0.1  # and a table, list or code beside a sentence
SHARE_BESIDE_ALL = 0.6  # of the best one's words of the question, for what stands beside one that says all
LIST_COST = 0.1  # an item that answers alone goes before its list
STEPS_BONUS = 0.5  # of a numbered list that holds all words of a question that asks how to do something
FIGURE_BONUS = 0.05  # of what names a figure, to a question for one
FREQUENCY_BONUS = 0.5  # of what says how often below a heading that holds a word of the question, to one that asks that
_CELL_EDGE = re.compile(r"\s*(?<!\\)\|\s*")
LEAST_SCORE = 0.25  # below, nothing in the passages supports an answer


class TextEmbedder(Protocol):
    """The part of an embedder that an extractive answer needs."""

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors in order, ahead of work that can wait."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may answer. ``header`` is a table row's header, verbatim from the same passage or made of what is known of it, else empty."""

    passage_index: int
    start: int
    end: int
    text: str
    header: str
    coverage: float  # share of the question's words in it, weighted by IDF
    kind: Kind = Kind.SENTENCE
    is_list: bool = False
    asked: str = ""  # the question that stands before it
    heading: str = ""  # above it
    bonus: float = 0.0  # for what the question wants: steps, a figure
    is_cut: bool = False  # a list that goes on
    is_alone: bool = False  # a curated pair for another question: it may answer, but not beside something else

    @property
    def lexical(self) -> float:
        return self.coverage - RANK_COST * self.passage_index - (LIST_COST if self.is_list else 0.0) + self.bonus

    @property
    def is_block(self) -> bool:
        return self.is_list or self.kind is not Kind.SENTENCE

    def overlaps(self, other: Candidate) -> bool:
        return self.passage_index == other.passage_index and self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class PickedSentence:
    """A part of the answer: ``passages[passage_index].text[start:end] == text``."""

    passage_index: int
    start: int
    end: int
    text: str
    score: float
    header: str = ""
    is_block: bool = False
    is_cut: bool = False  # more of what was asked for follow


@dataclass(frozen=True, slots=True)
class _Reading:
    """A question and what may answer it."""

    question: str
    language: str
    passages: Sequence[SearchHit]
    units: Sequence[tuple[int, Unit]]
    terms: Sequence[set[int]]  # of each unit with what stands above it
    asked: set[int]  # the terms of the question, misspelt ones set right

    @property
    def weights(self) -> dict[int, float]:
        return idf_among(self.asked, self.terms)


@dataclass(frozen=True, slots=True)
class _Wants:
    """What a question is after."""

    steps: bool
    measure: bool
    frequency: bool

    @classmethod
    def of(cls, question: str) -> _Wants:
        return cls(asks_how_to(question), asks_measure(question), asks_how_often(question))

    def bonus(self, unit: Unit, text: str, coverage: float) -> float:
        """Of what gives it."""
        found = STEPS_BONUS * coverage if self.steps and unit.is_steps else 0.0
        found += FIGURE_BONUS if self.measure and names_figure(text) else 0.0
        says_how_often = self.frequency and coverage > 0 and not unit.is_steps and names_frequency(text)
        return found + FREQUENCY_BONUS if says_how_often else found


def preselect(
    question: str, passages: Sequence[SearchHit], *, language: str = "", limit: int = MAX_CANDIDATES
) -> list[Candidate]:
    """The sentences, rows and lists worth embedding, best first by words and passage rank."""
    return _preselected(_read(question, passages, language or FALLBACK_LANGUAGE), limit)


def _preselected(reading: _Reading, limit: int = MAX_CANDIDATES) -> list[Candidate]:
    weights = reading.weights
    wants = _Wants.of(reading.question)
    found = [
        _candidate(reading, index, unit, coverage_of(weights, own), wants)
        for (index, unit), own in zip(reading.units, reading.terms, strict=True)
    ]
    unique = {candidate.text: candidate for candidate in reversed(found)}
    return sorted(unique.values(), key=lambda candidate: -candidate.lexical)[:limit]


def _read(question: str, passages: Sequence[SearchHit], language: str) -> _Reading:
    named = without_function_words(question, [language])
    asked = set(count_terms(named, language))
    how_to = asks_how_to(question)
    is_asked = _shares_a_word(asked, language) if how_to else None
    units = [(index, unit) for index, passage in enumerate(passages) for unit in units_of(passage, is_asked=is_asked)]
    units = _with_identifiers(question, passages, units)
    terms = [set(count_terms(_words_of(passages[index], unit, section=how_to), language)) for index, unit in units]
    return _Reading(question, language, passages, units, terms, _set_right(named, asked, terms, language))


def _shares_a_word(asked: set[int], language: str) -> Callable[[str], bool]:
    return lambda heading: not asked.isdisjoint(count_terms(heading, language))


def _set_right(named: str, asked: set[int], terms: Sequence[set[int]], language: str) -> set[int]:
    """The question's terms, with the passages' own in place of misspelt ones."""
    known = TermCounts.of([np.fromiter(each, np.int32, len(each)) for each in terms])
    if asked <= set(known.terms.tolist()):
        return asked
    near = near_terms(named, [language], Vocabulary(known))
    return (asked - near.replaced) | near.added if near.replaced else asked


def _with_identifiers(
    question: str, passages: Sequence[SearchHit], units: list[tuple[int, Unit]]
) -> list[tuple[int, Unit]]:
    """Those that hold the question's part numbers and codes, in themselves, their heading or the title; all where none does."""
    asked = identifiers_in(question)
    if not asked:
        return units
    named = [
        any(holds(f"{passages[index].title}\n{_words_of(passages[index], unit, header=False)}", each) for each in asked)
        for index, unit in units
    ]
    return [unit for unit, is_named in zip(units, named, strict=True) if is_named] or units


def pick(reading: _Reading, candidates: Sequence[Candidate], similarity: Sequence[float]) -> list[PickedSentence]:
    """The parts of the answer as they are shown: with what they lean on, and in the order of their passages."""
    completed = [_completed(each, reading) for each in pick_sentences(candidates, similarity)]
    return _in_order(completed, reading.passages)


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
    (best, highest), *others = scored
    best = _its_list(best, candidates)
    chosen = [(best, highest)]
    for each, score in others:
        is_beside = score >= highest - _margin(best, each) and _is_about(each, best) and not _is_other_row(each, best)
        is_beside = is_beside and not (each.is_alone or best.is_alone)
        if is_beside and len(chosen) < MAX_SENTENCES and not any(each.overlaps(other) for other, _ in chosen):
            chosen.append((each, score))
    return [_picked(each, score) for each, score in chosen]


def _its_list(best: Candidate, candidates: Sequence[Candidate]) -> Candidate:
    """The whole list in place of an item when the question does not single it out: another item holds as much of its words."""
    inside = [each for each in candidates if each.is_list and each.overlaps(best) and not best.is_block]
    for whole in inside:
        items = [each for each in candidates if each.overlaps(whole) and not each.is_block]
        if sum(each.coverage >= best.coverage for each in items) > 1:
            return whole
    return best


def _margin(best: Candidate, each: Candidate) -> float:
    """How much less it may score to stand beside the best: little for a block beside a sentence, for anything else beside a row."""
    is_other_kind = each.is_block if not best.is_block else bool(best.header) and not each.header
    return BLOCK_NEAR_BEST if is_other_kind else NEAR_BEST


def _is_about(candidate: Candidate, best: Candidate) -> bool:
    """Beside a row, a list or an answer behind its question, which say all, whether it holds enough of what the best holds of the question."""
    says_all = best.is_block or bool(best.asked)
    return not says_all or candidate.coverage >= best.coverage * SHARE_BESIDE_ALL


def _is_other_row(candidate: Candidate, best: Candidate) -> bool:
    """A row of the best row's table that holds fewer of the question's words is about something else, however alike it looks; also one in another
    chunk of the table."""
    same_table = bool(best.header) and _columns_of(candidate.header) == _columns_of(best.header)
    return same_table and candidate.coverage < best.coverage


def _columns_of(header: str) -> list[str]:
    return cells_of(header.partition("\n")[0])


def _completed(picked: PickedSentence, reading: _Reading) -> PickedSentence:
    """A sentence with the one that it leans on and, for a question for a figure, those behind it that lean on it and name one."""
    if picked.is_block:
        return picked
    text = reading.passages[picked.passage_index].text
    sentences = split_sentences(text)
    start = with_what_it_leans_on(text, sentences, picked.start, picked.end)
    end = picked.end
    if asks_measure(reading.question) or asks_what_happens(reading.question):
        with_figure = not asks_what_happens(reading.question)
        end = with_what_leans_on_it(text, sentences, picked.start, picked.end, with_figure=with_figure)
    return replace(picked, start=start, end=end, text=text[start:end])


def _in_order(picked: Sequence[PickedSentence], passages: Sequence[SearchHit]) -> list[PickedSentence]:
    """Passages in the order in which they are first chosen, their sentences as they stand there; what touches or overlaps is one."""
    rank = {each.passage_index: place for place, each in reversed(list(enumerate(picked)))}
    ordered = sorted(picked, key=lambda each: (rank[each.passage_index], each.start, -each.end))
    joined: list[PickedSentence] = []
    for each in ordered:
        before = joined[-1] if joined else None
        if before is None or each.is_block or before.is_block or before.passage_index != each.passage_index:
            joined.append(each)
        elif _touches(passages[each.passage_index].text, before, each):
            end = max(before.end, each.end)
            joined[-1] = replace(before, end=end, text=passages[each.passage_index].text[before.start : end])
        else:
            joined.append(each)
    return joined


def _touches(text: str, before: PickedSentence, behind: PickedSentence) -> bool:
    gap = text[before.end : behind.start]
    return behind.start <= before.end or (gap.isspace() and "\n" not in gap)


def _from_table(rows: Rows, passage: SearchHit) -> list[PickedSentence]:
    """The rows of a question to a table."""
    header = _header(passage, rows.rows[0].unit)
    return [
        PickedSentence(
            rows.table.passage_index,
            row.unit.start,
            row.unit.end,
            row.text,
            1.0,
            header,
            is_block=True,
            is_cut=rows.is_cut,
        )
        for row in rows.rows
    ]


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


_NUMBER = re.compile(r"[ \t]?(\[|【)(\s*\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*\s*)(?:\]|】)(\()?")


def _without_numbers(text: str) -> str:
    """A quote without the footnotes of its document ("[3]"), which would be read as the numbers of passages; a link of a mere number keeps it."""
    return _NUMBER.sub(lambda match: f" [#{match[2].strip()}](" if match[3] else "", text)


def _quote(group: Sequence[PickedSentence]) -> tuple[str, bool]:
    """What is shown, and whether it is a block by itself."""
    text, is_block = _shown_quote(group)
    return (text, is_block) if text.startswith(("```", "~~~")) else (_without_numbers(text), is_block)


def _shown_quote(group: Sequence[PickedSentence]) -> tuple[str, bool]:
    first = group[0]
    if first.header:
        more = [f"|{' … |' * (first.header.partition(chr(10))[0].count('|') - 1)}"] if first.is_cut else []
        return "\n".join([first.header, *(each.text for each in group), *more]), True
    if first.text.startswith("|"):  # the header lies in another passage: no table without it
        return _CELL_EDGE.sub(" – ", first.text.strip("| ")), False
    if first.is_block:
        return f"{first.text}\n…" if first.is_cut else first.text, True
    return without_lone_marks(" ".join(first.text.split())), False


class ExtractiveChatModel:
    """Quotes instead of writing. Without an embedder, or while it is away, sentences are chosen by their words alone."""

    name = "extractive"

    def __init__(self, embedder: TextEmbedder | None) -> None:
        self._embedder = embedder

    async def stream(self, prompt: ChatPrompt) -> AsyncIterator[ChatEvent]:
        """One delta a sentence; no delta and ``refused_no_context`` when nothing in the passages supports an answer."""
        picked = await self._picked(prompt)
        pieces = answer_text(picked)
        for piece in pieces:
            yield TextDelta(piece)
        usage = TokenUsage(_prompt_tokens(prompt), estimate_tokens("".join(pieces)), is_estimated=True)
        yield ChatDone(FinishReason.STOP if picked else FinishReason.REFUSED_NO_CONTEXT, usage, self.name)

    async def _picked(self, prompt: ChatPrompt) -> list[PickedSentence]:
        question = prompt.about or prompt.question
        reading = _read(question, prompt.passages, prompt.language or FALLBACK_LANGUAGE)
        rows: Sequence[Rows] = rows_asked_for(
            question, reading.asked, reading.passages, reading.units, reading.language
        )
        if rows:
            named = named_by(prompt.question, rows, reading.language)
            return [each for part in named for each in _from_table(part, reading.passages[part.table.passage_index])]
        candidates = _preselected(reading)
        return pick(reading, candidates, await self._similarity(question, candidates))

    async def _similarity(self, question: str, candidates: Sequence[Candidate]) -> list[float]:
        if self._embedder is None or not candidates:
            return [0.0] * len(candidates)
        try:
            vectors = await self._embedder.embed_texts([question, *(_shown(candidate) for candidate in candidates)])
        except RetryableError:
            return [0.0] * len(candidates)
        cosines: list[float] = (vectors[1:] @ vectors[0]).tolist()
        return cosines


def _candidate(reading: _Reading, index: int, unit: Unit, coverage: float, wants: _Wants) -> Candidate:
    passage = reading.passages[index]
    start = unit.start
    is_other = _is_for_another_question(reading, passage)
    if is_other:
        start = 0
    text = passage.text[start : unit.end]
    return Candidate(
        passage_index=index,
        start=start,
        end=unit.end,
        text=text,
        header=_header(passage, unit),
        coverage=coverage,
        kind=unit.kind,
        is_list=unit.is_list,
        asked=unit.asked,
        heading=unit.heading,
        bonus=wants.bonus(unit, text, coverage),
        is_cut=unit.is_cut,
        is_alone=is_other,
    )


def _is_for_another_question(reading: _Reading, passage: SearchHit) -> bool:
    """Whether it is the answer of a curated pair whose question and answer lack something that is asked: it is shown behind its question."""
    heading = passage.heading_path[-1] if passage.heading_path else ""
    if not heading or not passage.text.startswith(f"{heading}\n"):
        return False
    return not reading.asked <= set(count_terms(passage.text, reading.language))


def _picked(candidate: Candidate, score: float) -> PickedSentence:
    return PickedSentence(
        candidate.passage_index,
        candidate.start,
        candidate.end,
        candidate.text,
        score,
        candidate.header,
        candidate.is_block,
        candidate.is_cut,
    )


def _header(passage: SearchHit, unit: Unit) -> str:
    if unit.header or unit.kind is not Kind.ROW:
        return passage.text[slice(*unit.header)] if unit.header else ""
    names = names_of(passage, unit)
    return header_of(names) if names else ""


def _words_of(passage: SearchHit, unit: Unit, *, header: bool = True, section: bool = False) -> str:
    """With what stands above it; ``section``: of steps the whole section, whose first lines say what they are for."""
    above = _header(passage, unit) if header else ""
    start = unit.section if section and unit.is_steps and unit.section >= 0 else unit.start
    return "\n".join((unit.asked, unit.heading, above, passage.text[start : unit.end]))


def _shown(candidate: Candidate) -> str:
    asked = "" if candidate.asked == candidate.heading else candidate.asked
    return "\n".join(part for part in (candidate.heading, candidate.header, asked, candidate.text) if part)


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
