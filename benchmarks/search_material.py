"""Chunks by the hundred thousand that look like real ones: their words and vectors are mixed from the real pieces of the question sets.

A made chunk takes half of the sentences of one real piece and half of those of another piece of the same set, and the mean of their
two vectors, turned a little at random. What their words mean it takes from both whole, 109 words at the mean, twice what real chunks have. The questions are the sets' own, so they are answered by real wording, not by copied vectors.
Everything is drawn from seeded generators: two runs make the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

import numpy as np
import numpy.typing as npt

from benchmarks.pieces import Piece, cut
from benchmarks.question_sets import load
from benchmarks.vector_cache import VectorCache, WordCache
from chatsphere.services.content.sentences import sentence_spans
from chatsphere.services.types import Vectors
from chatsphere.services.vector_store import bm25
from chatsphere.services.vector_store.analysis import count_terms

SETS: Final = ("squad2_a", "clapnq_a", "policyqa_a", "awsdocs_a", "scifact")
DOCUMENTS_A_SET: Final = 300
PIECES_A_SET: Final = 500
QUESTIONS_A_SET: Final = 60
NOISE: Final = 0.35  # length of the random turn of a vector of length one
RARE_TERMS: Final = 2_000_000  # each chunk also carries three terms of so many, as names and numbers do

Terms = npt.NDArray[np.int32]
_Sentence = tuple[str, Counter[int]]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class MadeChunk:
    chunk_id: UUID
    text: str
    terms: Terms
    weights: npt.NDArray[np.float32]
    length: float
    vector: npt.NDArray[np.float32]
    words: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    text: str
    vector: npt.NDArray[np.float32]
    words: bytes


class RealPieces:
    """Real pieces with their sentences, terms and vectors, and real questions. Who has no cached vectors yet waits some minutes."""

    def __init__(self, cache: VectorCache, passage_words: WordCache, question_words: WordCache) -> None:
        self.pieces: list[Piece] = []
        self._partners: list[npt.NDArray[np.int64]] = []
        questions: list[str] = []
        for name in SETS:
            loaded = load(name)
            documents = _sample(loaded.documents, DOCUMENTS_A_SET)
            own = _sample([piece for document in documents for piece in cut(document)], PIECES_A_SET)
            rows = np.arange(len(self.pieces), len(self.pieces) + len(own))
            self._partners += [rows] * len(own)
            self.pieces += own
            questions += [question.text for question in _sample(loaded.questions, QUESTIONS_A_SET)]
        self.vectors: Vectors = cache.vectors([piece.search_text for piece in self.pieces])
        vectors = cache.vectors(questions)
        words = question_words.words(questions)
        self.questions = [Asked(*each) for each in zip(questions, vectors, words, strict=True)]
        self._words = passage_words.words([piece.search_text for piece in self.pieces])
        self._sentences = [_sentences(piece.text) for piece in self.pieces]

    def make(self, chatbot_id: UUID, count: int, *, seed: int) -> Iterator[MadeChunk]:
        """``count`` chunks of one chatbot; their ids follow the chatbot's."""
        generator = np.random.default_rng(seed)
        for number in range(count):
            first = int(generator.integers(len(self.pieces)))
            second = int(generator.choice(self._partners[first]))
            drawn = [*_half(generator, self._sentences[first]), *_half(generator, self._sentences[second])]
            counts: Counter[int] = Counter(map(int, 1 + generator.integers(RARE_TERMS, size=3)))
            for _, words in drawn:
                counts.update(words)
            terms, weights, length = bm25.stored_weights(counts)
            text = " ".join(sentence for sentence, _ in drawn)
            vector = self._turned(generator, first, second)
            meanings = self._words[first] + self._words[second][1:]
            yield MadeChunk(UUID(int=chatbot_id.int + number + 1), text, terms, weights, length, vector, meanings)

    def _turned(self, generator: np.random.Generator, first: int, second: int) -> npt.NDArray[np.float32]:
        turn = generator.standard_normal(self.vectors.shape[1], dtype=np.float32)
        share = np.float32(generator.uniform(0.5, 1.0))
        mean = share * self.vectors[first] + (1 - share) * self.vectors[second]
        vector = mean / np.linalg.norm(mean) + turn * np.float32(NOISE / np.linalg.norm(turn))
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


def _sample(items: Sequence[_T], most: int) -> list[_T]:
    step = max(1.0, len(items) / most)
    return [items[int(i * step)] for i in range(min(most, len(items)))]


def _sentences(text: str) -> list[_Sentence]:
    spans = sentence_spans(text, 0, len(text))
    return [(text[start:end], count_terms(text[start:end], "en")) for start, end in spans]


def _half(generator: np.random.Generator, sentences: Sequence[_Sentence]) -> list[_Sentence]:
    if not sentences:
        return []
    chosen = generator.permutation(len(sentences))[: (len(sentences) + 1) // 2]
    return [sentences[i] for i in sorted(chosen)]
