"""How well questions find their documents: nDCG@10, recall, MRR over the public question sets.

    python -m benchmarks.quality_search [set …] [--engine memory|pgvector] [--server postgresql://…]

Beside the hybrid search stand, in the same run and over the same pieces: its sparse half, the reference library bm25s
with the same analysis, the dense half alone, and reciprocal rank fusion of bm25s and dense. Documents count by their
best piece. Sets with scopes are searched as one chatbot a scope. "as served" is the hybrid search with its last order (the sentences of
the first hits, read closely): what chat and ``/search/`` give. A follow-up is served as chat does it: searched as it was asked and with the
subject of the questions before it.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from statistics import fmean
from typing import Any
from uuid import UUID

import bm25s
import numpy as np
import psycopg

from benchmarks.pieces import Piece, cut
from benchmarks.quality_judge import Judge
from benchmarks.question_sets import SETS, Question, QuestionSet, load
from benchmarks.ranking_measures import hit, ndcg, recall, reciprocal_rank
from benchmarks.search_tables import add_places, create_database
from benchmarks.vector_cache import VectorCache, WordCache
from chatsphere.apps.conversations.reranking import LEAST_DENSE_SHARE
from chatsphere.apps.conversations.retrieval import merge
from chatsphere.apps.conversations.rewrite import search_text
from chatsphere.services.ai.closest_sentences import read_closely
from chatsphere.services.ai.local_model import LocalModel
from chatsphere.services.ai.nearest_words import COMPARED, prefer_near
from chatsphere.services.ai.period_bonus import meant_by, prefer_meant
from chatsphere.services.ai.refusal import decide
from chatsphere.services.content.chunking import CONTEXT_SEPARATOR
from chatsphere.services.types import (
    EmbeddingModel,
    SearchHit,
    SearchOutcome,
    SearchRequest,
    Turn,
    Vector,
    Vectors,
)
from chatsphere.services.vector_store import bm25
from chatsphere.services.vector_store.analysis import count_terms
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord
from chatsphere.services.vector_store.memory import MemoryVectorStore, PlacedChunk
from chatsphere.services.vector_store.pgvector import PgVectorStore

MODEL = EmbeddingModel("local:all-minilm-l6-v2-int8", 384, 256)
WORKSPACE = UUID(int=1)
DEPTH, RRF_K = 100, 60
MEASURES: dict[str, Callable[[Sequence[str], frozenset[str]], float]] = {
    "nDCG@10": ndcg,
    "R@5": lambda ranking, gold: recall(ranking, gold, 5),
    "R@10": lambda ranking, gold: recall(ranking, gold, 10),
    "MRR": reciprocal_rank,
    "hit@5": lambda ranking, gold: hit(ranking, gold, 5),
}

Ranking = list[str]  # document ids, best first


@dataclass(frozen=True, slots=True)
class Scope:
    """One chatbot's pieces and the questions asked of it, with their vectors."""

    chatbot: ChatbotRef
    language: str
    pieces: Sequence[Piece]
    ids: Sequence[UUID]
    vectors: Vectors
    questions: Sequence[Question]
    question_vectors: Vectors

    def documents(self, rows: Iterable[int]) -> Ranking:
        return list(dict.fromkeys(self.pieces[row].doc_id for row in rows))

    def documents_of(self, hits: Iterable[SearchHit]) -> Ranking:
        return self.documents(map(self._row, hits))

    def with_words(self, hits: Sequence[SearchHit], cache: WordCache) -> tuple[SearchHit, ...]:
        """The first ones with what a store would give back with them: only their words are read, not those of all pieces."""
        words = cache.words([self.pieces[self._row(hit)].search_text for hit in hits[:COMPARED]])
        told = (replace(hit, word_meanings=packed) for hit, packed in zip(hits, words, strict=False))
        return (*told, *hits[COMPARED:])

    def _row(self, hit: SearchHit) -> int:
        return hit.chunk_id.int - self.chatbot.chatbot_id.int - 1


class Engine:
    """A store with what it needs around it."""

    def __init__(self, kind: str, server: str) -> None:
        self._url = create_database(server, "quality_search") if kind == "pgvector" else ""
        self._connection: Any = psycopg.connect(self._url) if self._url else None
        self.store: Any = PgVectorStore(self._url) if self._url else MemoryVectorStore()

    def fill(self, scope: Scope) -> None:
        chunks = [
            (
                chunk_id,
                piece.text,
                _place(piece),
            )
            for chunk_id, piece in zip(scope.ids, scope.pieces, strict=True)
        ]
        if isinstance(self.store, MemoryVectorStore):
            for chunk_id, _, place in chunks:
                self.store.place(chunk_id, place)
        else:
            add_places(self._connection, chatbot=scope.chatbot, chunks=_numbered(chunks))
        records = [
            ChunkRecord(chunk_id, piece.context, piece.text, piece.language)
            for chunk_id, piece in zip(scope.ids, scope.pieces, strict=True)
        ]
        of = {"chatbot": scope.chatbot, "is_live": True}
        self.store.add_texts(self._connection, records=records, **of)
        vectors = zip(scope.ids, scope.vectors, strict=True)
        self.store.add_vectors(self._connection, model=MODEL, vectors=vectors, **of)
        self.store.refresh_statistics(self._connection, chatbot=scope.chatbot)
        if self._connection is not None:
            self._connection.commit()
            self._index()

    def _index(self) -> None:
        """As the platform does it, for chatbots that are large enough."""
        for chatbot in self.store.outgrown(self._connection):
            while self.store.index_step(self._connection, chatbot=chatbot):
                self._connection.commit()
        self._connection.commit()

    async def aclose(self) -> None:
        if isinstance(self.store, PgVectorStore):
            await self.store.aclose()


def _place(piece: Piece) -> PlacedChunk:
    title, *headings = piece.context.split(CONTEXT_SEPARATOR)
    return PlacedChunk(_number(piece.doc_id), _number(piece.doc_id), title=title, heading_path=tuple(headings))


def _numbered(chunks: Sequence[tuple[UUID, str, PlacedChunk]]) -> list[tuple[UUID, str, PlacedChunk]]:
    return [(chunk_id, text, replace(place, ordinal=i)) for i, (chunk_id, text, place) in enumerate(chunks)]


async def measure(
    questions: QuestionSet, engine: Engine, cache: Readings, judge: Judge | None = None
) -> dict[str, dict[str, float]]:
    """Means of each measure by method, over all questions of the set. ``judge`` sees all that is served."""
    rankings: dict[str, list[tuple[Ranking, frozenset[str]]]] = {}
    scopes = len({question.scope for question in questions.questions})
    for scope in _scopes(questions, cache):
        engine.fill(scope)
        if judge is not None:
            await _ask_others(engine, cache, scope, scopes, judge)
        reference = _reference_rows(scope)
        dense = np.argsort(-(scope.question_vectors @ scope.vectors.T), axis=1, kind="stable")[:, :DEPTH]
        for i, question in enumerate(scope.questions):
            hits, chance = await _served(engine, cache, scope, question)
            if judge is not None:
                await judge.see(question, hits, chance, scope.language)
            found = {
                "as served": scope.documents_of(hits),
                "hybrid": await _search(engine, scope, i, with_vector=True),
                "sparse half": await _search(engine, scope, i, with_vector=False),
                "bm25s": scope.documents(reference[i]),
                "dense": scope.documents(dense[i]),
                "RRF": scope.documents(_reciprocal_rank_fusion(reference[i], dense[i])),
            }
            for method, ranking in found.items():
                rankings.setdefault(method, []).append((ranking, question.gold))
    return {
        method: {name: fmean(measure(*case) for case in cases) for name, measure in MEASURES.items()}
        for method, cases in rankings.items()
    }


async def _search(engine: Engine, scope: Scope, number: int, *, with_vector: bool) -> Ranking:
    vector = scope.question_vectors[number] if with_vector else None
    outcome = await _outcome(engine, scope, scope.questions[number].text, vector)
    return scope.documents_of(outcome.hits)


async def _ask_others(engine: Engine, cache: Readings, scope: Scope, scopes: int, judge: Judge) -> None:
    """Questions that have no answer here."""
    for kind, texts in judge.others(scope.questions[0].scope, scopes, scope.language).items():
        for text in texts:
            judge.add(kind, await _chance(engine, scope, text, cache.vectors([text])[0]))


async def _chance(engine: Engine, scope: Scope, text: str, vector: Vector) -> float:
    """How likely the hits are thought to answer, over as many as chat searches for."""
    outcome = await _outcome(engine, scope, text, vector, limit=COMPARED)
    return decide(text, outcome, model_id=MODEL.id).probability


async def _outcome(
    engine: Engine, scope: Scope, text: str, vector: Vector | None, *, limit: int = DEPTH
) -> SearchOutcome:
    model_id = None if vector is None else MODEL.id
    request = SearchRequest(WORKSPACE, scope.chatbot.chatbot_id, text, vector, model_id, limit=limit)
    outcome: SearchOutcome = await engine.store.search(request)
    return outcome


async def _served(
    engine: Engine, cache: Readings, scope: Scope, question: Question
) -> tuple[Sequence[SearchHit], float]:
    """As ``conversations/retrieval.py`` does it: the hits, and how likely they are thought to answer."""
    history = [Turn("user", text) for text in question.history]
    texts = list(dict.fromkeys((question.text, search_text(question.text, history))))
    vectors = cache.vectors(texts)
    outcomes = [await _outcome(engine, scope, text, vector) for text, vector in zip(texts, vectors, strict=True)]
    hits = prefer_meant(meant_by(*texts), merge(*(outcome.hits for outcome in outcomes)))
    if outcomes[-1].statistics.dense_share >= LEAST_DENSE_SHARE:
        hits = prefer_near(cache.question_words.words(texts[-1:])[0], scope.with_words(hits, cache.passage_words))
        hits = await read_closely(texts[-1], vectors[-1], hits, cache, language=scope.language)
    chances = [await _chance(engine, scope, text, vector) for text, vector in zip(texts, vectors, strict=True)]
    return hits, max(chances)


def _reference_rows(scope: Scope) -> list[list[int]]:
    """The first pieces of each question by bm25s, fed with the same terms."""
    corpus = [
        [str(term) for term, count in bm25.chunk_counts(p.context, p.text, p.language).items() for _ in range(count)]
        for p in scope.pieces
    ]
    index = bm25s.BM25(k1=bm25.K1, b=bm25.B, method="lucene")
    index.index(corpus, show_progress=False)
    rows = []
    for question in scope.questions:
        terms = [str(term) for term, n in count_terms(question.text, scope.language).items() for _ in range(n)]
        known = [term for term in terms if term in index.vocab_dict]
        scores = index.get_scores(known) if known else np.zeros(len(corpus))
        best = np.argsort(-scores, kind="stable")[:DEPTH]
        rows.append([int(row) for row in best if scores[row] > 0])
    return rows


def _reciprocal_rank_fusion(*lists: Iterable[int]) -> list[int]:
    scores: dict[int, float] = {}
    for rows in lists:
        for place, row in enumerate(rows):
            scores[int(row)] = scores.get(int(row), 0.0) + 1 / (RRF_K + place + 1)
    return sorted(scores, key=lambda row: -scores[row])


def _scopes(questions: QuestionSet, cache: Readings) -> Iterator[Scope]:
    for number, name in enumerate(sorted({document.scope for document in questions.documents})):
        documents = [document for document in questions.documents if document.scope == name]
        pieces = [piece for document in documents for piece in cut(document)]
        asked = [question for question in questions.questions if question.scope == name]
        if asked:
            chatbot = ChatbotRef(WORKSPACE, _number(f"{questions.name}/{number}"))
            ids = [UUID(int=chatbot.chatbot_id.int + i + 1) for i in range(len(pieces))]
            vectors = cache.vectors([piece.search_text for piece in pieces])
            question_vectors = cache.vectors([question.text for question in asked])
            yield Scope(chatbot, documents[0].language, pieces, ids, vectors, asked, question_vectors)


def _number(name: str) -> UUID:
    return UUID(int=int.from_bytes(blake2b(name.encode(), digest_size=10).digest()) << 40)


def _table(name: str, pieces: int, means: dict[str, dict[str, float]], seconds: float) -> str:
    head = f"{name} ({pieces:,} pieces, {seconds:.0f} s)"
    lines = [f"{head:<34}" + "".join(f"{measure:>9}" for measure in MEASURES)]
    lines += [f"  {method:<32}" + "".join(f"{v:>9.3f}" for v in values.values()) for method, values in means.items()]
    return "\n".join(lines)


async def main() -> None:
    options = _options()
    cache = Readings()
    for name in options.sets:
        began = time.monotonic()
        engine = Engine(options.engine, options.server)
        questions = load(name)
        means = await measure(questions, engine, cache)
        await engine.aclose()
        pieces = sum(len(cut(document)) for document in questions.documents)
        print(_table(name, pieces, means, time.monotonic() - began), flush=True)


class Readings(VectorCache):
    """Vectors and words of texts by the local model, which is loaded when a text is not kept."""

    def __init__(self) -> None:
        model = functools.cache(lambda: LocalModel(MODEL.id))
        super().__init__(MODEL.id, lambda texts: model().embed(texts))
        self.passage_words = WordCache(model, are_questions=False)
        self.question_words = WordCache(model, are_questions=True)

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return self.vectors(texts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--engine", choices=["memory", "pgvector"], default="memory")
    parser.add_argument("--server", default="", help="for pgvector: any database of a server where one may be created")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
