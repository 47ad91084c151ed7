"""Searches in a large chatbot: the indexes are built in steps, and at no time does anything go missing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest

from benchmarks.search_tables import add_places, create_database
from chatsphere.services.types import EmbeddingModel, SearchFilters, SearchHit, SearchRequest, Vectors
from chatsphere.services.vector_store import large_chatbots, pgvector, wire
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord
from chatsphere.services.vector_store.cells import find_centres, fitting_cells, nearest_cells
from chatsphere.services.vector_store.memory import PlacedChunk
from chatsphere.services.vector_store.pgvector import PgVectorStore

CHATBOT = ChatbotRef(UUID(int=1), UUID(int=2))
NEIGHBOUR = ChatbotRef(UUID(int=1), UUID(int=3))
MODEL = EmbeddingModel("test:16", 16, 256)
SIZE = 400


def vectors(count: int, seed: int = 0) -> Vectors:
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(12, MODEL.dimensions))
    rows = centres[generator.integers(12, size=count)] + 0.3 * generator.normal(size=(count, MODEL.dimensions))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


ROWS = vectors(SIZE)


def text(number: int) -> str:
    return f"Part P-{number} belongs to group g{number % 7} of shelf s{number % 50}."


class Library:
    """A chatbot of some hundred chunks, ten a document; documents of the first half are closed but for the staff."""

    def __init__(self, url: str, connection: Any) -> None:
        self.store = PgVectorStore(url)
        self.connection = connection

    def add(self, chatbot: ChatbotRef, numbers: range, *, first: int = 10_000) -> list[UUID]:
        ids = [UUID(int=first + number) for number in numbers]
        chunks = [
            (
                chunk_id,
                text(number),
                PlacedChunk(
                    UUID(int=20_000 + first + number // 10),
                    UUID(int=40_000 + first + number // 100),
                    title=f"Document {number // 10}",
                    ordinal=number % 10,
                    access_tags=frozenset(["staff"]) if number < SIZE // 2 else frozenset(),
                ),
            )
            for number, chunk_id in zip(numbers, ids, strict=True)
        ]
        add_places(self.connection, chatbot=chatbot, chunks=chunks)
        records = [ChunkRecord(chunk_id, "", said, "en") for chunk_id, said, _ in chunks]
        self.store.add_texts(self.connection, chatbot=chatbot, records=records, is_live=True)
        rows = zip(ids, ROWS[numbers.start : numbers.stop], strict=True)
        self.store.add_vectors(self.connection, chatbot=chatbot, model=MODEL, vectors=rows, is_live=True)
        self.store.refresh_statistics(self.connection, chatbot=chatbot)
        self.connection.commit()
        return ids

    def index(self, chatbot: ChatbotRef = CHATBOT) -> int:
        steps = 0
        while self.store.index_step(self.connection, chatbot=chatbot):
            self.connection.commit()
            steps += 1
            assert steps < 50
        self.connection.commit()
        return steps

    def search(self, said: str, row: int | None = 0, **changes: Any) -> tuple[SearchHit, ...]:
        vector, model = (None, None) if row is None else (ROWS[row], MODEL.id)
        request = SearchRequest(CHATBOT.workspace_id, CHATBOT.chatbot_id, said, vector, model, limit=10, candidates=30)

        async def found() -> tuple[SearchHit, ...]:
            try:
                return (await self.store.search(replace(request, **changes))).hits
            finally:
                await self.store.aclose()

        return asyncio.run(found())

    def told(self, number: int) -> list[tuple[UUID, float]]:
        """What is found and how good it is; sums in another order differ in the last digits."""
        return [(hit.chunk_id, round(hit.fused, 6)) for hit in self.search(text(number), number)]

    def count(self, condition: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {condition}").fetchone()[0])


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setattr(large_chatbots, "LARGE", 200)
    monkeypatch.setattr(large_chatbots, "MOST_FRESH", 20)
    monkeypatch.setattr(large_chatbots, "ROWS_A_STEP", 150)
    url = create_database(os.environ["DATABASE_URL"], f"large_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    with psycopg.connect(url) as connection:
        yield Library(url, connection)


def test_a_large_chatbot_is_named_until_it_is_indexed(library: Library) -> None:
    library.add(NEIGHBOUR, range(100), first=70_000)
    assert library.store.outgrown(library.connection) == []
    library.add(CHATBOT, range(SIZE))
    assert library.store.outgrown(library.connection) == [CHATBOT]
    assert library.index() > 4
    assert library.store.outgrown(library.connection) == []
    assert library.count("training_chunkterms WHERE is_indexed") == SIZE
    assert library.count("training_embedding WHERE cell >= 0") == SIZE


def test_what_is_found_stays_the_same_between_all_steps(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgvector, "_PROBES", 1_000)  # all cells: only then must it be the same
    library.add(CHATBOT, range(SIZE))
    before = [library.told(number) for number in (3, 250)]
    more = True
    while more:
        more = library.store.index_step(library.connection, chatbot=CHATBOT)
        library.connection.commit()
        assert [library.told(number) for number in (3, 250)] == before


def test_near_cells_hold_nearly_all_that_is_near(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgvector, "_PROBES", 12)
    library.add(CHATBOT, range(SIZE))
    numbers = range(0, SIZE, 40)
    before = [{hit.chunk_id for hit in library.search(text(number), number)} for number in numbers]
    library.index()
    after = [{hit.chunk_id for hit in library.search(text(number), number)} for number in numbers]
    shared = sum(len(old & new) for old, new in zip(before, after, strict=True))
    assert shared >= 0.9 * sum(map(len, before))


def test_common_words_alone_still_find(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_chatbots, "LOOKUP_ROWS", 1)
    monkeypatch.setattr(large_chatbots, "LEAST_ROWS", 5)  # every word of the question is more common
    library.add(CHATBOT, range(SIZE))
    library.index()
    hits = library.search("the shelf s7 of group g3", None)
    assert {hit.text for hit in hits[:1]} <= {text(number) for number in range(SIZE) if number % 7 == 3}
    assert hits


def test_a_part_number_is_found(library: Library) -> None:
    library.add(CHATBOT, range(SIZE))
    library.index()
    assert library.search("P-377", None)[0].text == text(377)


def test_new_chunks_are_found_before_they_are_indexed(library: Library) -> None:
    library.add(CHATBOT, range(SIZE - 10))
    library.index()
    library.add(CHATBOT, range(SIZE - 10, SIZE))
    assert library.search(f"P-{SIZE - 1}", SIZE - 1)[0].text == text(SIZE - 1)


def test_deleted_and_hidden_chunks_are_not_found(library: Library) -> None:
    ids = library.add(CHATBOT, range(SIZE))
    library.index()
    library.store.delete(library.connection, chatbot=CHATBOT, chunk_ids=[ids[377]])
    library.store.set_live(library.connection, chatbot=CHATBOT, chunk_ids=[ids[378]], is_live=False)
    library.connection.commit()
    found = {hit.text for number in (377, 378) for hit in library.search(text(number), number)}
    assert found
    assert not found & {text(377), text(378)}


@pytest.mark.parametrize("exact", [0, 20_000])
def test_closed_sources_stay_closed(library: Library, monkeypatch: pytest.MonkeyPatch, exact: int) -> None:
    """Whether what is open is looked through whole or closed chunks are dropped from a longer list."""
    monkeypatch.setattr(pgvector, "_EXACT_CHUNKS", exact)
    library.add(CHATBOT, range(SIZE))
    library.connection.execute("UPDATE training_trainingsource SET chunks_count = 100")
    library.index()
    for number in (5, 120, 350):
        hits = library.search(text(number), number, filters=SearchFilters(access_tags=frozenset(["guest"])))
        assert len(hits) == 10
        assert all(int(hit.title.split()[1]) >= SIZE // 20 for hit in hits)
    staff = library.search(text(5), 5, filters=SearchFilters(access_tags=frozenset(["staff"])))
    assert staff[0].text == text(5)


def test_a_narrow_filter_finds_all_there_is(library: Library) -> None:
    library.add(CHATBOT, range(SIZE))
    library.index()
    document = UUID(int=20_000 + 10_000 + 12)
    hits = library.search(text(350), 350, filters=SearchFilters(document_ids=frozenset([document])))
    assert {hit.text for hit in hits} == {text(number) for number in range(120, 130)}


def test_a_grown_chatbot_gets_new_cells_and_loses_the_old(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.add(CHATBOT, range(SIZE))
    library.index()
    old = library.count("training_vectorcell")
    monkeypatch.setattr(large_chatbots, "fitting_cells", lambda _: 3 * old)
    library.index()
    assert library.count(f"training_vectorcell WHERE cell < {large_chatbots.GENERATION}") == 0
    assert library.count("training_vectorcell") > old
    assert library.count(f"training_embedding WHERE cell < {large_chatbots.GENERATION}") == 0


def test_a_chatbot_with_the_few_cells_of_an_earlier_release_is_named(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add(CHATBOT, range(SIZE))
    library.index()
    assert library.store.outgrown(library.connection) == []
    monkeypatch.setattr(pgvector, "CELLS_A_ROOT", 8.0)
    assert library.store.outgrown(library.connection) == [CHATBOT]
    monkeypatch.setattr(large_chatbots, "fitting_cells", lambda count: round(8 * count**0.5))
    library.index()
    assert library.store.outgrown(library.connection) == []


def test_two_workers_do_not_meet_at_one_chatbot(library: Library) -> None:
    library.add(CHATBOT, range(SIZE))
    with psycopg.connect(library.store._dsn) as other:
        assert library.store.index_step(other, chatbot=CHATBOT)
        assert not library.store.index_step(library.connection, chatbot=CHATBOT)


def test_a_deleted_chatbot_leaves_no_cells(library: Library) -> None:
    library.add(CHATBOT, range(SIZE))
    library.index()
    library.store.delete_chatbot(library.connection, chatbot=CHATBOT)
    assert library.count("training_vectorcell") == 0


def test_near_vectors_share_a_cell() -> None:
    rows = vectors(600, seed=3)
    cells = nearest_cells(rows, find_centres(rows, 12))
    nearest = (rows @ rows.T - 2 * np.eye(len(rows))).argmax(axis=1)
    assert (cells == cells[nearest]).mean() > 0.9


@pytest.mark.parametrize("most", [70, 400, 10 * SIZE])
def test_centres_are_learned_from_vectors_as_they_are_stored(library: Library, most: int) -> None:
    library.add(CHATBOT, range(SIZE))
    of = {"workspace": CHATBOT.workspace_id, "chatbot": CHATBOT.chatbot_id, "model": MODEL.id}
    sample = large_chatbots._sample(wire.binary_cursor(library.connection), of, most)
    assert (len(sample), sample.dtype) == (min(most, SIZE), np.float16)
    known = {row.tobytes() for row in ROWS.astype(np.float16)}
    assert {row.tobytes() for row in sample} <= known
    assert len({row.tobytes() for row in sample}) == len(sample)
    assert np.allclose(find_centres(sample, 12), find_centres(sample.astype(np.float32), 12), atol=1e-6)


def test_cells_grow_with_the_root_of_the_vectors() -> None:
    assert [fitting_cells(count) for count in (1, 10_000, 250_000)] == [4, 400, 2_000]
