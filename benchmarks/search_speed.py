"""Times of the pgvector engine on synthetic chunks: writing, searching, deleting, by the size of one chatbot.

    python -m benchmarks.search_speed [postgresql://…] [--sizes 1000 10000 50000] [--dimensions 384] [--searches 100]

Without a server it starts the embedded one in a folder of its own. Texts are words drawn by Zipf's law from 60,000, 110 a chunk; vectors are random around 200 centres. The database
``search_speed`` on that server is made anew.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg

from benchmarks.search_tables import Connection, add_places, create_database
from chatsphere.embedded.postgres import PostgresServer
from chatsphere.services.types import EmbeddingModel, SearchFilters, SearchRequest, Vectors
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord
from chatsphere.services.vector_store.memory import PlacedChunk
from chatsphere.services.vector_store.pgvector import PgVectorStore

VOCABULARY, WORDS_A_CHUNK, CHUNKS_A_DOCUMENT, CENTRES = 60_000, 110, 20, 200
FIGURES = "{what:<46} {value:>10.1f} {unit}"


class Material:
    """Chunks of one size of chatbot, the same at each run."""

    def __init__(self, size: int, dimensions: int) -> None:
        generator = np.random.default_rng(size)
        self.chatbot = ChatbotRef(UUID(int=1), UUID(int=size))
        self.model = EmbeddingModel(f"random:{dimensions}", dimensions, 256)
        self.ids = [UUID(int=(size << 32) + i) for i in range(size)]
        ranks = np.arange(1, VOCABULARY + 1)
        weights = 1 / ranks / np.sum(1 / ranks)
        self.drawn = generator.choice(VOCABULARY, (size, WORDS_A_CHUNK), p=weights)
        self.texts = [" ".join(f"w{number}" for number in row) for row in self.drawn]
        centres = generator.normal(size=(CENTRES, dimensions))
        self.vectors: Vectors = (centres[generator.integers(CENTRES, size=size)] * 0.6).astype(np.float32)
        self.vectors += generator.normal(size=self.vectors.shape).astype(np.float32)
        self.generator = generator

    def places(self) -> list[tuple[UUID, str, PlacedChunk]]:
        base = self.chatbot.chatbot_id.int << 40
        document = [base + i // CHUNKS_A_DOCUMENT for i in range(len(self.ids))]
        return [
            (chunk_id, text, PlacedChunk(UUID(int=number), UUID(int=number), ordinal=i % CHUNKS_A_DOCUMENT, char_end=1))
            for i, (chunk_id, text, number) in enumerate(zip(self.ids, self.texts, document, strict=True))
        ]

    def questions(self, count: int) -> Iterator[SearchRequest]:
        """Eight words of a chunk, and its vector with noise."""
        for row in self.generator.integers(len(self.ids), size=count):
            words = self.generator.choice(self.drawn[row], 8)
            vector = self.vectors[row] + self.generator.normal(size=self.model.dimensions).astype(np.float32) * 0.5
            text = " ".join(f"w{number}" for number in words)
            yield SearchRequest(*_ids(self.chatbot), text, vector.astype(np.float32), self.model.id)


def main() -> None:
    options = _options()
    if options.server:
        _measure(options, options.server)
        return
    with tempfile.TemporaryDirectory(prefix="chatsphere-bench-") as folder:
        server = PostgresServer(Path(folder) / "postgres")
        server.start()
        try:
            _measure(options, server.url)
        finally:
            server.stop()


def _measure(options: argparse.Namespace, server: str) -> None:
    url = create_database(server, "search_speed")
    store = PgVectorStore(url)
    with psycopg.connect(url) as connection:
        for size in options.sizes:
            print(f"\n{size:,} chunks, {options.dimensions} dimensions")
            material = Material(size, options.dimensions)
            _write(store, connection, material)
            connection.execute("ANALYZE")
            connection.commit()
            asyncio.run(_search(store, material, options.searches))
        _delete(store, connection, Material(options.sizes[0], options.dimensions))


def _write(store: PgVectorStore, connection: Connection, material: Material) -> None:
    add_places(connection, chatbot=material.chatbot, chunks=material.places())
    connection.commit()
    records = [ChunkRecord(i, "", text, "en") for i, text in zip(material.ids, material.texts, strict=True)]
    vectors = list(zip(material.ids, material.vectors, strict=True))
    chatbot = material.chatbot

    def texts() -> None:
        store.add_texts(connection, chatbot=chatbot, records=records, is_live=True)

    def embeddings() -> None:
        store.add_vectors(connection, chatbot=chatbot, model=material.model, vectors=vectors, is_live=True)

    for what, action in {
        "texts": texts,
        "vectors": embeddings,
        "commit": connection.commit,
        "statistics": lambda: store.refresh_statistics(connection, chatbot=chatbot),
        "statistics, nothing new": lambda: store.refresh_statistics(connection, chatbot=chatbot),
    }.items():
        _timed(what, action)
    connection.commit()


async def _search(store: PgVectorStore, material: Material, count: int) -> None:
    for request in material.questions(20):
        await store.search(request)
    tagged = SearchFilters(access_tags=frozenset())
    kinds: dict[str, dict[str, Any]] = {
        "hybrid": {},
        "hybrid, visitor without tags": {"filters": tagged},
        "text alone": {"vector": None, "model_id": None},
    }
    for what, changes in kinds.items():
        times = []
        own = time.process_time()
        for request in material.questions(count):
            began = time.perf_counter()
            await store.search(replace(request, **changes))
            times.append((time.perf_counter() - began) * 1000)
        own = (time.process_time() - own) * 1000 / count
        p50, p95 = np.percentile(times, [50, 95])
        print(f"search, {what:<38} p50 {p50:6.1f} ms   p95 {p95:6.1f} ms   own CPU {own:.1f} ms")
    await store.aclose()


def _delete(store: PgVectorStore, connection: Connection, material: Material) -> None:
    _timed("delete", lambda: store.delete(connection, chatbot=material.chatbot, chunk_ids=material.ids))
    _timed("commit", connection.commit)


def _timed(what: str, action: Callable[[], None]) -> None:
    began = time.perf_counter()
    action()
    print(FIGURES.format(what=what, value=(time.perf_counter() - began) * 1000, unit="ms"))


def _ids(chatbot: ChatbotRef) -> tuple[UUID, UUID]:
    return chatbot.workspace_id, chatbot.chatbot_id


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("server", nargs="?", default="")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--searches", type=int, default=100)
    return parser.parse_args()


if __name__ == "__main__":
    main()
