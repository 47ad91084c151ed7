"""Statistics under writers that come at once, roll back, or go past the engine. Against real PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from benchmarks.search_tables import add_places, create_database
from chatsphere.services.vector_store import chatbot_statistics
from chatsphere.services.vector_store.analysis import number_term
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord
from chatsphere.services.vector_store.memory import PlacedChunk
from chatsphere.services.vector_store.pgvector import PgVectorStore

CHATBOT = ChatbotRef(UUID(int=1), UUID(int=2))
Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def database() -> str:
    return create_database(
        os.environ["DATABASE_URL"], f"term_statistics_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    )


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database) as connection:
        tables = "SELECT string_agg(tablename, ',') FROM pg_tables WHERE tablename LIKE 'training_%'"
        (names,) = connection.execute(tables).fetchone()  # type: ignore[misc]
        connection.execute(f"TRUNCATE {names}")
        connection.commit()
        yield connection


@pytest.fixture
def store(database: str) -> PgVectorStore:
    return PgVectorStore(database)


def add(store: PgVectorStore, connection: Connection, texts: Sequence[str], *, first: int = 1) -> list[UUID]:
    ids = [UUID(int=first + i) for i in range(len(texts))]
    place = PlacedChunk(UUID(int=10**9 + first), UUID(int=10**9 + first))
    places = [(chunk_id, text, place) for chunk_id, text in zip(ids, texts, strict=True)]
    add_places(connection, chatbot=CHATBOT, chunks=_in_order(places))
    records = [ChunkRecord(chunk_id, "", text, "en") for chunk_id, text in zip(ids, texts, strict=True)]
    store.add_texts(connection, chatbot=CHATBOT, records=records, is_live=True)
    return ids


def _in_order(places: Sequence[tuple[UUID, str, PlacedChunk]]) -> list[tuple[UUID, str, PlacedChunk]]:
    return [(chunk_id, text, replace(place, ordinal=i)) for i, (chunk_id, text, place) in enumerate(places)]


def refresh(store: PgVectorStore, connection: Connection) -> None:
    store.refresh_statistics(connection, chatbot=CHATBOT)
    connection.commit()


def chunks(connection: Connection) -> int:
    row = connection.execute("SELECT coalesce(max(chunks), 0) FROM training_knowledgestatistics").fetchone()
    assert row is not None
    return int(row[0])


def frequency(connection: Connection, term: str) -> float:
    unit = f"{{{number_term(term)}:1}}/1000000000"
    row = connection.execute(
        "SELECT coalesce(-sum(frequencies <#> %s::sparsevec), 0) FROM training_termstatistics", [unit]
    ).fetchone()
    assert row is not None
    return float(row[0])


def test_what_is_rolled_back_is_not_counted(store: PgVectorStore, connection: Connection) -> None:
    add(store, connection, ["apples and pears"])
    connection.commit()
    add(store, connection, ["apples again"], first=10)
    connection.rollback()
    refresh(store, connection)
    assert chunks(connection) == 1
    assert frequency(connection, "appl") == 1


def test_a_refresh_that_is_rolled_back_can_be_repeated(store: PgVectorStore, connection: Connection) -> None:
    add(store, connection, ["apples"])
    connection.commit()
    store.refresh_statistics(connection, chatbot=CHATBOT)
    connection.rollback()
    refresh(store, connection)
    assert (chunks(connection), frequency(connection, "appl")) == (1, 1)


def test_many_writers_at_once_are_each_counted_once(
    store: PgVectorStore, connection: Connection, database: str
) -> None:
    def upload(number: int) -> None:
        with psycopg.connect(database) as own:
            add(store, own, [f"apples number{number}", f"pears number{number}"], first=100 * number + 1)
            own.commit()
            refresh(store, own)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(upload, range(40)))
    assert chunks(connection) == 80
    assert (frequency(connection, "appl"), frequency(connection, "pear")) == (40, 40)
    assert all(frequency(connection, f"number{number}") == 2 for number in range(40))
    assert connection.execute("SELECT count(*) FROM training_termchange").fetchone() == (0,)


def test_rows_that_vanish_past_the_engine_are_noticed(store: PgVectorStore, connection: Connection) -> None:
    add(store, connection, ["apples", "pears", "apples and pears"])
    connection.commit()
    refresh(store, connection)
    connection.execute("DELETE FROM training_chunktext WHERE id = %s", [UUID(int=1)])
    connection.commit()
    refresh(store, connection)
    assert chunks(connection) == 2
    assert (frequency(connection, "appl"), frequency(connection, "pear")) == (1, 2)


def test_the_vocabulary_outgrows_its_buckets(store: PgVectorStore, connection: Connection) -> None:
    add(store, connection, [" ".join(f"word{i}x{j}" for j in range(100)) for i in range(10)])
    connection.commit()
    refresh(store, connection)
    first = connection.execute("SELECT buckets FROM training_knowledgestatistics").fetchone()
    add(store, connection, [" ".join(f"word{i}x{j}" for j in range(50, 150)) for i in range(100)], first=1000)
    connection.commit()
    refresh(store, connection)
    second = connection.execute("SELECT buckets, vocabulary FROM training_knowledgestatistics").fetchone()
    assert first is not None
    assert second is not None
    assert second[0] > first[0]
    assert second[1] == 10 * 150 + 90 * 100
    assert [frequency(connection, term) for term in ("word0x0", "word0x60", "word99x149")] == [1, 2, 1]


def test_a_refresh_without_news_writes_nothing(store: PgVectorStore, connection: Connection) -> None:
    add(store, connection, ["apples"])
    connection.commit()
    refresh(store, connection)
    before = connection.execute("SELECT updated_at, xmin FROM training_knowledgestatistics").fetchone()
    refresh(store, connection)
    assert connection.execute("SELECT updated_at, xmin FROM training_knowledgestatistics").fetchone() == before


def test_writes_wait_for_the_callers_commit(store: PgVectorStore, connection: Connection, database: str) -> None:
    add(store, connection, ["apples"])
    with psycopg.connect(database) as other:
        assert other.execute("SELECT count(*) FROM training_chunkterms").fetchone() == (0,)
    connection.commit()
    with psycopg.connect(database) as other:
        assert other.execute("SELECT count(*) FROM training_chunkterms").fetchone() == (1,)


@pytest.mark.parametrize("is_lost", [False, True], ids=["counted in", "counted anew"])
def test_a_large_vocabulary_is_counted_in_portions(
    store: PgVectorStore, connection: Connection, monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    for name, most in {"_PORTION": 7, "_CHANGES": 2, "_MOST_TERMS": 300, "_BUCKETS": 3}.items():
        monkeypatch.setattr(chatbot_statistics, name, most)
    for number in range(20):
        add(store, connection, [f"apples {many_words(number, chunk)}" for chunk in range(5)], first=100 * number + 1)
        connection.commit()
        if number % 5 == 0:
            refresh(store, connection)
    if is_lost:  # past the engine, so that the balance does not hold
        connection.execute("UPDATE training_knowledgestatistics SET chunks = chunks + 1")
        add(store, connection, ["apples and pears"], first=9_000)  # noted, and in what is counted anew
    refresh(store, connection)
    assert chunks(connection) == 100 + is_lost
    assert frequency(connection, "appl") == 100 + is_lost
    assert all(frequency(connection, f"w{number}x{chunk}x7") == 1 for number in range(20) for chunk in range(5))
    [(buckets, vocabulary, terms)] = connection.execute(
        "SELECT buckets, vocabulary, (SELECT sum(cardinality(string_to_array(frequencies::text, ','))) FROM training_termstatistics)"
        " FROM training_knowledgestatistics"
    ).fetchall()
    assert (buckets, vocabulary) == (16, terms)
    assert connection.execute("SELECT count(*) FROM training_termchange").fetchone() == (0,)


def many_words(number: int, chunk: int) -> str:
    return " ".join(f"w{number}x{chunk}x{word}" for word in range(20))
