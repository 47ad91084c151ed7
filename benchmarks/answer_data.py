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

from chatsphere.services.ai.local_model import LocalModel
from chatsphere.services.types import EmbeddingModel, SearchOutcome, SearchRequest, Vector, Vectors
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord
from chatsphere.services.vector_store.memory import MemoryVectorStore, PlacedChunk

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MODEL_ID = "local:all-minilm-l6-v2-int8"
EMBEDDING_THREADS = 2


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    answers: tuple[str, ...]
    gold: tuple[str, ...]
    answerable: bool | None
    scope: str
    intent: str
    has_history: bool


@dataclass(frozen=True, slots=True)
class Document:
    doc_id: str
    title: str
    text: str
    scope: str
    language: str = "en"

    @property
    def id(self) -> UUID:
        return uuid5(NAMESPACE_URL, f"{self.scope}/{self.doc_id}")


def load_documents(name: str) -> list[Document]:
    return [
        Document(row["doc_id"], row.get("title", ""), row["text"], _scope(row), row.get("lang", "en"))
        for row in _rows(name, "docs.jsonl")
    ]


def load_questions(name: str) -> list[Question]:
    return [_question(row) for row in _rows(name, "queries.jsonl")]


class CachedModel:
    """The local model in this process, remembering every text; two threads embed side by side."""

    def __init__(self, cache: Path | None = None) -> None:
        self._local = LocalModel(MODEL_ID)
        self._cache = cache
        self._known: dict[str, Vector] = self._load()

    @property
    def model(self) -> EmbeddingModel:
        return self._local.model

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return self.embed(texts)

    def embed(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        parts = [new[start : start + 64] for start in range(0, len(new), 64)]
        with ThreadPoolExecutor(EMBEDDING_THREADS) as pool:
            for part, rows in zip(parts, pool.map(self._local.embed, parts), strict=True):
                self._known.update(zip(part, rows, strict=True))
        return np.stack([self._known[text] for text in texts])

    def save(self) -> None:
        """Keep the vectors for the next run, when a cache file was given."""
        if self._cache:
            np.savez(self._cache, texts=np.array(json.dumps(list(self._known))), rows=np.stack([*self._known.values()]))

    def _load(self) -> dict[str, Vector]:
        if not self._cache or not self._cache.exists():
            return {}
        with np.load(self._cache) as stored:
            return dict(zip(json.loads(str(stored["texts"])), stored["rows"], strict=True))


class Knowledge:
    """The documents of a set, one chatbot a scope, one chunk a document."""

    def __init__(self, embedder: CachedModel, documents: Iterable[Document]) -> None:
        self._embedder = embedder
        self._store = MemoryVectorStore()
        self.documents = {document.id: document for document in documents}
        scopes = sorted({document.scope for document in self.documents.values()})
        for scope in scopes:
            self._add([document for document in self.documents.values() if document.scope == scope])

    async def search(self, question: str, scope: str = "", *, limit: int = 8, text_only: bool = False) -> SearchOutcome:
        vector = None if text_only else self._embedder.embed([question])[0]
        ref = _chatbot(scope)
        request = SearchRequest(
            ref.workspace_id, ref.chatbot_id, question, vector, None if text_only else MODEL_ID, limit=limit
        )
        return await self._store.search(request)

    def _add(self, documents: list[Document]) -> None:
        ref = _chatbot(documents[0].scope)
        rows = self._embedder.embed([f"{document.title}\n{document.text}" for document in documents])
        for document in documents:
            self._store.place(document.id, PlacedChunk(document.id, document.id, document.title))
        records = [ChunkRecord(document.id, document.title, document.text, document.language) for document in documents]
        self._store.add_texts(None, chatbot=ref, records=records, is_live=True)
        pairs = [(document.id, row) for document, row in zip(documents, rows, strict=True)]
        self._store.add_vectors(None, chatbot=ref, model=self._embedder.model, vectors=pairs, is_live=True)
        self._store.refresh_statistics(None, chatbot=ref)


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
