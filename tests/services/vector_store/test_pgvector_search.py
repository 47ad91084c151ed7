"""What only the real engine can get wrong: pools, prepared plans, time limits, the caller's kind of connection."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from uuid import UUID

import numpy as np
import psycopg
import pytest

from benchmarks.search_tables import add_places, create_database
from chatsphere.services.errors import RetryableError
from chatsphere.services.types import EmbeddingModel, SearchRequest
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord
from chatsphere.services.vector_store.memory import PlacedChunk
from chatsphere.services.vector_store.pgvector import PgVectorStore, PoolSettings

CHATBOT = ChatbotRef(UUID(int=1), UUID(int=2))
CHUNK = UUID(int=3)
MODEL = EmbeddingModel("test:2", 2, 256)
REQUEST = SearchRequest(CHATBOT.workspace_id, CHATBOT.chatbot_id, "apples", np.array([1, 0], np.float32), MODEL.id)


@pytest.fixture(scope="module")
def database() -> str:
    url = create_database(os.environ["DATABASE_URL"], f"search_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:  # as Django's connections are
        place = PlacedChunk(UUID(int=4), UUID(int=5))
        add_places(connection, chatbot=CHATBOT, chunks=[(CHUNK, "Apples are red.", place)])
        store = PgVectorStore(url)
        record = ChunkRecord(CHUNK, "", "Apples are red.", "en")
        store.add_texts(connection, chatbot=CHATBOT, records=[record], is_live=True)
        vectors = [(CHUNK, np.array([3, 4], np.float32))]
        store.add_vectors(connection, chatbot=CHATBOT, model=MODEL, vectors=vectors, is_live=True)
        store.refresh_statistics(connection, chatbot=CHATBOT)
    return url


async def test_many_searches_may_be_the_first(database: str) -> None:
    store = PgVectorStore(database, pool=PoolSettings(max_size=3))
    outcomes = await asyncio.gather(*(store.search(REQUEST) for _ in range(40)))
    assert all(outcome.hits[0].chunk_id == CHUNK for outcome in outcomes)
    await store.aclose()


async def test_vectors_are_scaled_to_length_one(database: str) -> None:
    store = PgVectorStore(database)
    outcome = await store.search(replace(REQUEST, vector=np.array([50, 0], np.float32)))
    assert outcome.hits[0].dense == pytest.approx(0.6, abs=1e-3)
    await store.aclose()


def test_each_event_loop_has_its_own_pool(database: str) -> None:
    store = PgVectorStore(database)

    async def search_and_close() -> int:
        found = len((await store.search(REQUEST)).hits)
        await store.aclose()
        return found

    assert [asyncio.run(search_and_close()) for _ in range(2)] == [1, 1]


async def test_closing_what_was_never_open_is_no_error(database: str) -> None:
    await PgVectorStore(database).aclose()


async def test_a_search_that_takes_too_long_may_be_tried_again(database: str) -> None:
    store = PgVectorStore(database, pool=PoolSettings(statement_timeout=0.2))
    with psycopg.connect(database) as blocker:
        blocker.execute("LOCK TABLE training_chunkterms")
        with pytest.raises(RetryableError) as caught:
            await store.search(REQUEST)
    assert caught.value.retry_after is not None
    assert (await store.search(REQUEST)).hits
    await store.aclose()


async def test_a_lost_connection_may_be_tried_again(database: str) -> None:
    store = PgVectorStore(database, pool=PoolSettings(max_size=1))
    await store.search(REQUEST)
    with psycopg.connect(database, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'chatsphere-search' AND datname = current_database()"
        )
    with pytest.raises(RetryableError):
        await store.search(REQUEST)
    assert (await store.search(REQUEST)).hits
    await store.aclose()


async def test_a_server_that_is_away_may_be_tried_again() -> None:
    store = PgVectorStore("postgresql://nobody@127.0.0.1:1/nothing", pool=PoolSettings(wait=0.3))
    with pytest.raises(RetryableError):
        await store.search(REQUEST)
    await store.aclose()


async def test_searches_start_no_parallel_workers(database: str) -> None:
    """Starting one takes longer than a search in a chatbot of ten thousand chunks."""
    store = PgVectorStore(database)
    try:
        async with store._connection() as connection:
            shown = await (await connection.execute("SHOW max_parallel_workers_per_gather")).fetchone()
        assert shown == ("0",)
    finally:
        await store.aclose()
