"""The first of a search's two round trips to PostgreSQL: the question read in the chatbot's languages, each of its terms with its weight.

The languages decide how a question is analysed, and its terms what must be read of the statistics. So that one statement reads both, the languages
are guessed: those that the chatbot had when this process asked it last, else the one that the question shows to be in. A wrong guess costs a
second reading, once. The same statement brings the chatbot's vocabulary where a word of the question is in no chunk: what is near to that word
then takes its place before anything is searched for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from chatsphere.services.types import SearchRequest
from chatsphere.services.vector_store import bm25, wire
from chatsphere.services.vector_store.base import ChatbotRef
from chatsphere.services.vector_store.near_words import Vocabulary, writes_compounds
from chatsphere.services.vector_store.questions import (
    Question,
    likely_language,
    most_used,
    read_question,
    with_near_words,
)
from chatsphere.services.vector_store.term_counts import TermCounts
from chatsphere.services.vector_store.vocabulary_cache import MOST_TERMS, VocabularyCache

Rows = list[tuple[Any, ...]]
Ask = Callable[[str, Mapping[str, Any]], Awaitable[Rows]]
_MOST_CHATBOTS: Final = 5_000  # whose languages are remembered: 2 MB


@dataclass(frozen=True, slots=True)
class Weighed:
    """A question and what the statistics say about its terms. ``idf`` is in the order of the terms' numbers; ``key`` is the chatbot's number in the
    inverted index."""

    question: Question
    frequencies: Mapping[int, float]
    idf: Mapping[int, float]
    chunks: int
    average_length: float
    key: int


class Remembered:
    """What one process remembers of the chatbots that it was asked about; one event loop or thread at a time."""

    def __init__(self) -> None:
        self.vocabularies = VocabularyCache()
        self._languages: dict[ChatbotRef, Mapping[str, int]] = {}

    def languages(self, chatbot: ChatbotRef) -> Mapping[str, int] | None:
        """Those that the chatbot had when it was last asked."""
        return self._languages.get(chatbot)

    def keep(self, chatbot: ChatbotRef, languages: Mapping[str, int]) -> None:
        self._languages.pop(chatbot, None)
        self._languages[chatbot] = languages
        if len(self._languages) > _MOST_CHATBOTS:
            del self._languages[next(iter(self._languages))]


@dataclass(frozen=True, slots=True)
class _Known:
    languages: Mapping[str, int]
    chunks: int
    length_total: float
    key: int
    frequencies: Mapping[int, float]
    vocabulary: Vocabulary | None  # None where nobody asked for it


async def weigh(request: SearchRequest, ask: Ask, remembered: Remembered) -> Weighed:
    """One round trip, two where the languages were guessed wrong. ``ask`` runs a statement of ``queries.sql``."""
    chatbot = ChatbotRef(request.workspace_id, request.chatbot_id)
    remembered_languages = remembered.languages(chatbot)
    languages = {likely_language(request.text): 1} if remembered_languages is None else remembered_languages
    question = read_question(request, languages)
    known = await _read(ask, chatbot, question, languages, remembered)
    if known.languages != languages:
        remembered.keep(chatbot, known.languages)
        question = read_question(request, known.languages)
        if not known.frequencies.keys() >= question.counts.keys() or _lacks_vocabulary(known, question):
            known = await _read(ask, chatbot, question, known.languages, remembered)
    frequencies = known.frequencies
    if known.vocabulary is not None and _wants_vocabulary(known, question):
        question = with_near_words(question, request, known.languages, known.vocabulary)
        added = [term for term in question.counts if term not in frequencies]
        frequencies = {**frequencies, **dict(zip(added, known.vocabulary.frequencies(added), strict=True))}
    average = max(1.0, known.length_total / known.chunks) if known.chunks > 0 else bm25.REFERENCE_LENGTH
    terms = sorted(question.counts)
    held = np.array([frequencies[term] for term in terms], np.float64)
    idf = dict(zip(terms, bm25.inverse_document_frequency(held, known.chunks).tolist(), strict=True))
    return Weighed(question, frequencies, idf, known.chunks, average, known.key)


def _wants_vocabulary(known: _Known, question: Question) -> bool:
    """Near words are looked for where words are compounds, or a term is in no chunk."""
    unknown = any(not known.frequencies[term] for term in question.counts)
    return unknown or writes_compounds(most_used(known.languages))


def _lacks_vocabulary(known: _Known, question: Question) -> bool:
    return known.chunks > 0 and known.vocabulary is None and _wants_vocabulary(known, question)


async def _read(
    ask: Ask, chatbot: ChatbotRef, question: Question, languages: Mapping[str, int], remembered: Remembered
) -> _Known:
    terms = list(question.counts)
    chunks, length = remembered.vocabularies.stamp(chatbot) or (None, None)
    parameters = {
        "workspace": chatbot.workspace_id,
        "chatbot": chatbot.chatbot_id,
        "terms": wire.int_array(terms),
        "wants_vocabulary": writes_compounds(most_used(languages)),
        "remembered_chunks": chunks,
        "remembered_length": length,
        "most_terms": MOST_TERMS,
    }
    rows = await ask("knowledge", parameters)
    if not rows:
        return _Known({}, 0, 0.0, 0, dict.fromkeys(terms, 0.0), None)
    [(known_languages, known_chunks, length_total, key, frequencies, packed)] = rows
    stamp = (known_chunks, length_total)
    if packed is not None:
        remembered.vocabularies.put(chatbot, stamp, _vocabulary(packed))
    vocabulary = remembered.vocabularies.get(chatbot, stamp)
    return _Known(known_languages, *stamp, key, dict(zip(terms, frequencies or (), strict=True)), vocabulary)


def _vocabulary(packed: bytes) -> Vocabulary:
    """Each term stands in one of the vectors."""
    read: Iterable[Any] = [*wire.read_sparse_vectors(packed)] or [(np.empty(0, np.int32), np.empty(0, np.float32))]
    terms, counts = (np.concatenate(parts) for parts in zip(*read, strict=True))
    order = np.argsort(terms)
    return Vocabulary(TermCounts(terms[order], counts[order].astype(np.int64)))
