"""The question sets of the answer benchmarks, searched through the in-memory twin of the vector store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np

from benchmarks.pieces import cut
from benchmarks.question_sets import Document
from benchmarks.vector_cache import VectorCache
from chatsphere.apps.conversations.reranking import LEAST_DENSE_SHARE
from chatsphere.services.ai.closest_sentences import read_closely
from chatsphere.services.ai.local_files import local_model_files
from chatsphere.services.ai.local_model import LocalModel
from chatsphere.services.types import EmbeddingModel, SearchOutcome, SearchRequest, Vectors
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord
from chatsphere.services.vector_store.memory import MemoryVectorStore, PlacedChunk

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MODEL_ID = "local:all-minilm-l6-v2-int8"
EMBEDDING_THREADS = 2
EMBEDDING_BATCH = 16


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    answers: tuple[str, ...]
    gold: tuple[str, ...]
    answerable: bool | None
    scope: str
    intent: str
    has_history: bool


def load_documents(name: str) -> list[Document]:
    return [
        Document(row["doc_id"], _scope(row), row.get("title", ""), row["text"], row.get("lang", "en"))
        for row in _rows(name, "docs.jsonl")
    ]


def load_questions(name: str) -> list[Question]:
    return [_question(row) for row in _rows(name, "queries.jsonl")]


class CachedModel:
    """The local model in this process, remembering every text (``vector_cache``)."""

    def __init__(self) -> None:
        self._cache = VectorCache(MODEL_ID, self._embed)
        self._local: LocalModel | None = None

    @property
    def model(self) -> EmbeddingModel:
        return local_model_files(MODEL_ID).model

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return self.embed(texts)

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._cache.vectors(texts)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        """Two threads side by side."""
        self._local = self._local or LocalModel(MODEL_ID)
        parts = [texts[start : start + EMBEDDING_BATCH] for start in range(0, len(texts), EMBEDDING_BATCH)]
        with ThreadPoolExecutor(EMBEDDING_THREADS) as pool:
            return np.concatenate(list(pool.map(self._local.embed, parts)))


class Knowledge:
    """The documents of a set, one chatbot a scope, cut into chunks."""

    def __init__(self, embedder: CachedModel, documents: Iterable[Document]) -> None:
        self._embedder = embedder
        self._store = MemoryVectorStore()
        by_scope: dict[str, list[Document]] = {}
        for document in documents:
            by_scope.setdefault(document.scope, []).append(document)
        for scope in sorted(by_scope):
            self._add(by_scope[scope])

    async def search(self, question: str, scope: str = "", *, limit: int = 8, text_only: bool = False) -> SearchOutcome:
        """Hybrid search, before its last order."""
        vector = None if text_only else self._embedder.embed([question])[0]
        ref = _chatbot(scope)
        request = SearchRequest(
            ref.workspace_id, ref.chatbot_id, question, vector, None if text_only else MODEL_ID, limit=limit
        )
        return await self._store.search(request)

    async def served(self, question: str, scope: str = "", *, limit: int = 8, language: str = "en") -> SearchOutcome:
        """The search with its last order, as chat does it."""
        found = await self.search(question, scope, limit=limit)
        if found.statistics.dense_share < LEAST_DENSE_SHARE:
            return found
        vector = self._embedder.embed([question])[0]
        hits = await read_closely(question, vector, found.hits, self._embedder, language=language)
        return SearchOutcome(hits, found.statistics)

    def _add(self, documents: list[Document]) -> None:
        ref = _chatbot(documents[0].scope)
        placed = [
            (_chunk_id(document, i), document, piece) for document in documents for i, piece in enumerate(cut(document))
        ]
        for chunk_id, document, piece in placed:
            self._store.place(chunk_id, PlacedChunk(_id(document), _id(document), heading_path=(piece.context,)))
        records = [ChunkRecord(chunk_id, piece.context, piece.text, piece.language) for chunk_id, _, piece in placed]
        self._store.add_texts(None, chatbot=ref, records=records, is_live=True)
        rows = self._embedder.embed([piece.search_text for _, _, piece in placed])
        pairs = [(chunk_id, row) for (chunk_id, _, _), row in zip(placed, rows, strict=True)]
        self._store.add_vectors(None, chatbot=ref, model=self._embedder.model, vectors=pairs, is_live=True)
        self._store.refresh_statistics(None, chatbot=ref)


def _id(document: Document) -> UUID:
    return uuid5(NAMESPACE_URL, f"{document.scope}/{document.doc_id}")


def _chunk_id(document: Document, number: int) -> UUID:
    return uuid5(NAMESPACE_URL, f"{document.scope}/{document.doc_id}/{number}")


def _chatbot(scope: str) -> ChatbotRef:
    return ChatbotRef(uuid5(NAMESPACE_URL, "benchmark"), uuid5(NAMESPACE_URL, f"chatbot/{scope}"))


def _rows(name: str, file: str) -> list[dict[str, Any]]:
    with (DATA / name / file).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _scope(row: dict[str, Any]) -> str:
    return str(row.get("scope") or row.get("lang") or "")


def _question(row: dict[str, Any]) -> Question:
    return Question(
        text=row["text"],
        answers=tuple(row["answers"]),
        gold=tuple(row["gold_doc_ids"]),
        answerable=row["answerable"],
        scope=_scope(row),
        intent=row.get("intent", ""),
        has_history=bool(row.get("history")),
    )
