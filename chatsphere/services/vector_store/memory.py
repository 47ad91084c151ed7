"""The engine in memory: the twin of the pgvector engine, for tests, experiments and benchmarks.

Same analysis, same weights, same mix; only the places of chunks, which PostgreSQL joins from the training tables, must be
told with ``place``. There are no transactions: a write holds at once, and the connection is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from chatsphere.services.content.table_columns import columns_of
from chatsphere.services.types import (
    EmbeddingModel,
    QueryStatistics,
    SearchFilters,
    SearchHit,
    SearchOutcome,
    SearchRequest,
    Vector,
    Vectors,
)
from chatsphere.services.vector_store import bm25
from chatsphere.services.vector_store.base import NO_WORDS, ChatbotRef, ChunkRecord
from chatsphere.services.vector_store.chatbot_statistics import ChunkTotals
from chatsphere.services.vector_store.fusion import Floats, mix
from chatsphere.services.vector_store.near_words import Vocabulary
from chatsphere.services.vector_store.questions import Question, checked_rows, read_question, with_near_words
from chatsphere.services.vector_store.term_counts import TermCounts, Terms

_Weights = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PlacedChunk:
    """A place of a chunk in the current version of a document. Of several, the lowest ordinal of the newest document counts."""

    document_id: UUID
    source_id: UUID
    title: str = ""
    url: str = ""
    ordinal: int = 0
    page: int | None = None
    heading_path: tuple[str, ...] = ()
    char_start: int = 0
    char_end: int = 0
    access_tags: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Chunk:
    context: str
    text: str
    language: str
    terms: Terms
    weights: _Weights
    length: float
    is_live: bool


@dataclass(slots=True)
class _Embedded:
    vector: Vector
    is_live: bool


@dataclass(slots=True)
class _Knowledge:
    """Everything of one chatbot. ``index`` is made from the rest when it is first searched."""

    chunks: dict[UUID, _Chunk] = field(default_factory=dict)
    vectors: dict[tuple[UUID, str], _Embedded] = field(default_factory=dict)
    words: dict[UUID, bytes] = field(default_factory=dict)
    totals: ChunkTotals = field(default_factory=lambda: ChunkTotals.of([]))
    index: _Index | None = None


class _Index:
    """Live chunks as arrays: postings a term, lengths, vectors; rows are in the order of chunk ids."""

    def __init__(self, knowledge: _Knowledge) -> None:
        live = {chunk_id for chunk_id, chunk in knowledge.chunks.items() if chunk.is_live}
        live |= {chunk_id for (chunk_id, _), embedded in knowledge.vectors.items() if embedded.is_live}
        self.ids = sorted(live)
        self.row_of = {chunk_id: row for row, chunk_id in enumerate(self.ids)}
        self.lengths: Floats = np.zeros(len(self.ids))
        self.languages = [""] * len(self.ids)
        self.postings = self._read_terms(knowledge)
        self._vectors: dict[str, Vectors] = {}

    def _read_terms(self, knowledge: _Knowledge) -> dict[int, tuple[npt.NDArray[np.int64], _Weights]]:
        rows, terms, weights = [], [], []
        for row, chunk_id in enumerate(self.ids):
            chunk = knowledge.chunks.get(chunk_id)
            if chunk is not None and chunk.is_live:
                self.lengths[row], self.languages[row] = chunk.length, chunk.language
                rows.append(np.full(len(chunk.terms), row))
                terms.append(chunk.terms)
                weights.append(chunk.weights)
        if not rows:
            return {}
        all_rows, all_terms, all_weights = np.concatenate(rows), np.concatenate(terms), np.concatenate(weights)
        order = np.argsort(all_terms, kind="stable")
        distinct, starts = np.unique(all_terms[order], return_index=True)
        parts = zip(np.split(all_rows[order], starts[1:]), np.split(all_weights[order], starts[1:]), strict=True)
        return {int(term): part for term, part in zip(distinct, parts, strict=True)}

    def sparse(self, weights: Mapping[int, float], average: float) -> Floats:
        scores = np.zeros(len(self.ids), np.float32)
        for term in sorted(weights):
            if term in self.postings:
                rows, values = self.postings[term]
                scores[rows] += values * np.float32(weights[term])
        return scores.astype(np.float64) * bm25.length_factors(self.lengths, average)

    def dense(self, knowledge: _Knowledge, model: str, vector: Vector) -> Floats:
        """Cosines; nan for a chunk without a vector of this model."""
        if model not in self._vectors:
            rows = np.full((len(self.ids), len(vector)), np.nan, np.float32)
            for (chunk_id, owner), embedded in knowledge.vectors.items():
                if owner == model and embedded.is_live:
                    rows[self.row_of[chunk_id]] = embedded.vector
            self._vectors[model] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(self._vectors[model] @ _as_stored(vector), np.float64)


class MemoryVectorStore:
    """For one process and one thread at a time."""

    def __init__(self) -> None:
        self._knowledge: dict[ChatbotRef, _Knowledge] = {}
        self._places: dict[UUID, list[PlacedChunk]] = {}

    def place(self, chunk_id: UUID, place: PlacedChunk) -> None:
        """Tell where a chunk stands; without a place it is not found."""
        self._places.setdefault(chunk_id, []).append(place)

    def add_texts(self, connection: Any, *, chatbot: ChatbotRef, records: Iterable[ChunkRecord], is_live: bool) -> None:
        chunks = self._changing(chatbot).chunks
        for record in records:
            [(terms, weights, length)] = bm25.weigh([(record.context, record.text, record.language)])
            chunks.setdefault(
                record.chunk_id, _Chunk(record.context, record.text, record.language, terms, weights, length, is_live)
            )  # fmt: skip

    def add_vectors(
        self,
        connection: Any,
        *,
        chatbot: ChatbotRef,
        model: EmbeddingModel,
        vectors: Iterable[tuple[UUID, Vector]],
        is_live: bool,
        words: Mapping[UUID, bytes] = NO_WORDS,
    ) -> None:
        pairs = list(vectors)
        if not pairs:
            return
        stored = self._changing(chatbot).vectors
        rows = checked_rows([vector for _, vector in pairs], model)
        for (chunk_id, _), row in zip(pairs, rows, strict=True):
            stored.setdefault((chunk_id, model.id), _Embedded(_as_stored(row), is_live))
        self.add_words(connection, chatbot=chatbot, words=words)

    def add_words(self, connection: Any, *, chatbot: ChatbotRef, words: Mapping[UUID, bytes]) -> None:
        known = self._changing(chatbot).words
        for chunk_id, packed in words.items():
            known.setdefault(chunk_id, packed)

    def set_live(self, connection: Any, *, chatbot: ChatbotRef, chunk_ids: Sequence[UUID], is_live: bool) -> None:
        knowledge, wanted = self._changing(chatbot), set(chunk_ids)
        for chunk_id in wanted & knowledge.chunks.keys():
            knowledge.chunks[chunk_id].is_live = is_live
        for (chunk_id, _), embedded in knowledge.vectors.items():
            if chunk_id in wanted:
                embedded.is_live = is_live

    def delete(self, connection: Any, *, chatbot: ChatbotRef, chunk_ids: Sequence[UUID]) -> None:
        knowledge, gone = self._changing(chatbot), set(chunk_ids)
        knowledge.chunks = {key: chunk for key, chunk in knowledge.chunks.items() if key not in gone}
        knowledge.vectors = {key: vector for key, vector in knowledge.vectors.items() if key[0] not in gone}
        knowledge.words = {key: words for key, words in knowledge.words.items() if key not in gone}

    def drop_vectors(self, connection: Any, *, chatbot: ChatbotRef, keep: Sequence[str], most: int) -> list[UUID]:
        vectors = self._changing(chatbot).vectors
        gone = [key for key in sorted(vectors) if key[1] not in keep][:most]
        for key in gone:
            del vectors[key]
        return [chunk_id for chunk_id, _ in gone]

    def delete_chatbot(self, connection: Any, *, chatbot: ChatbotRef) -> None:
        self._knowledge.pop(chatbot, None)

    def refresh_statistics(self, connection: Any, *, chatbot: ChatbotRef) -> None:
        knowledge = self._changing(chatbot)
        live = [chunk for chunk in knowledge.chunks.values() if chunk.is_live]
        knowledge.totals = ChunkTotals.of([(chunk.language, chunk.length, chunk.terms) for chunk in live])

    def outgrown(self, connection: Any) -> list[ChatbotRef]:
        return []

    def index_step(self, connection: Any, *, chatbot: ChatbotRef) -> bool:
        return False

    def mend(self, connection: Any, *, chatbot: ChatbotRef, repair: bool) -> int:
        return 0

    def describe(self) -> str:
        return "this process's memory"

    async def search(self, request: SearchRequest) -> SearchOutcome:
        knowledge = self._knowledge.get(ChatbotRef(request.workspace_id, request.chatbot_id), _Knowledge())
        index = knowledge.index = knowledge.index or _Index(knowledge)
        languages = knowledge.totals.languages
        question = read_question(request, languages)
        question = with_near_words(question, request, languages, Vocabulary(knowledge.totals.terms))
        idf = _idf(question, knowledge.totals)
        weights = {term: idf[term] * count for term, count in question.counts.items()}
        sparse = index.sparse(weights, _average_length(knowledge.totals))
        dense = np.full(len(index.ids), np.nan)
        if question.vector is not None and request.model_id is not None:
            dense = index.dense(knowledge, request.model_id, question.vector)
        rows = self._candidates(request, index, sparse, dense)
        fused = mix(
            sparse[rows], dense[rows], sparse_share=question.sparse_share, dense_share=question.dense_share
        )  # fmt: skip
        hits = self._hits(request, knowledge, index, rows, sparse, dense, fused)
        return SearchOutcome(hits, _figures(question, knowledge, idf, hits))

    def _changing(self, chatbot: ChatbotRef) -> _Knowledge:
        knowledge = self._knowledge.setdefault(chatbot, _Knowledge())
        knowledge.index = None
        return knowledge

    def _candidates(
        self, request: SearchRequest, index: _Index, sparse: Floats, dense: Floats
    ) -> npt.NDArray[np.int64]:
        """Rows of the best of each list; ids ascend with rows, so equal scores are ordered by id."""
        allowed = self._allowed(request.filters, index)
        count = max(request.candidates, request.limit)
        best_sparse = _best(np.where(allowed & (sparse > 0), sparse, np.nan), count)
        return np.union1d(best_sparse, _best(np.where(allowed, dense, np.nan), count))

    def _allowed(self, filters: SearchFilters, index: _Index) -> npt.NDArray[np.bool_]:
        if filters == SearchFilters():
            return np.ones(len(index.ids), bool)
        languages = filters.languages
        return np.array([
            (languages is None or index.languages[row] in languages) and self._place(chunk_id, filters) is not None
            for row, chunk_id in enumerate(index.ids)
        ], bool)  # fmt: skip

    def _place(self, chunk_id: UUID, filters: SearchFilters) -> PlacedChunk | None:
        places = [place for place in self._places.get(chunk_id, ()) if _is_open(place, filters)]
        return max(places, key=lambda place: (place.document_id, -place.ordinal), default=None)

    def _hits(
        self, request: SearchRequest, knowledge: _Knowledge, index: _Index, rows: npt.NDArray[np.int64],
        sparse: Floats, dense: Floats, fused: Floats,
    ) -> tuple[SearchHit, ...]:  # fmt: skip
        hits: list[SearchHit] = []
        for i in np.argsort(-fused, kind="stable"):
            row = rows[i]
            chunk_id = index.ids[row]
            place = self._place(chunk_id, request.filters)
            if place is None or chunk_id not in knowledge.chunks:
                continue
            cosine = None if np.isnan(dense[row]) else float(dense[row])
            chunk = knowledge.chunks[chunk_id]
            hits.append(SearchHit(
                chunk_id, place.document_id, place.source_id, place.title, place.url, place.page, place.heading_path,
                chunk.text, place.char_start, place.char_end,
                cosine, float(sparse[row]), float(fused[i]), word_meanings=knowledge.words.get(chunk_id, b""),
                columns=columns_of(chunk.context, chunk.text),
            ))  # fmt: skip
            if len(hits) == request.limit:
                break
        return tuple(hits)


def _as_stored(vector: Vector) -> Vector:
    """With the precision of a halfvec."""
    return vector.astype(np.float16).astype(np.float32)


def _best(scores: Floats, count: int) -> npt.NDArray[np.int64]:
    order = np.argsort(-scores, kind="stable")  # nan comes last
    return order[: min(count, int((~np.isnan(scores)).sum()))]


def _idf(question: Question, totals: ChunkTotals) -> dict[int, float]:
    terms = np.fromiter(question.counts, np.int32, len(question.counts))
    values = bm25.inverse_document_frequency(_frequencies(totals.terms, terms), totals.chunks)
    return {int(term): float(value) for term, value in zip(terms, values, strict=True)}


def _frequencies(counts: TermCounts, terms: Terms) -> Floats:
    places = np.searchsorted(counts.terms, terms)
    known = (places < len(counts.terms)) & np.isin(terms, counts.terms)
    frequencies = np.zeros(len(terms))
    frequencies[known] = counts.counts[places[known]]
    return frequencies


def _average_length(totals: ChunkTotals) -> float:
    """At least 1: chunks may hold no term at all."""
    return max(1.0, totals.length_total / totals.chunks) if totals.chunks else bm25.REFERENCE_LENGTH


def _is_open(place: PlacedChunk, filters: SearchFilters) -> bool:
    return (
        (filters.source_ids is None or place.source_id in filters.source_ids)
        and (filters.document_ids is None or place.document_id in filters.document_ids)
        and (filters.access_tags is None or not place.access_tags or bool(place.access_tags & filters.access_tags))
    )


def _figures(
    question: Question, knowledge: _Knowledge, idf: Mapping[int, float], hits: Sequence[SearchHit]
) -> QueryStatistics:
    total = sum(idf.values())
    covered = [
        sum(value for term, value in idf.items() if term in knowledge.chunks[hit.chunk_id].terms) for hit in hits
    ]
    best = max(covered, default=0.0) / total if total else 0.0
    return QueryStatistics(len(question.counts), total, best, knowledge.totals.chunks, question.dense_share)
