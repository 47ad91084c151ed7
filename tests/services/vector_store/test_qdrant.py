"""The engine with Qdrant: what it does while Qdrant is late, away or wrong. Against the real client and a server's interface."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
import psycopg
import pytest

from benchmarks.search_tables import add_places, create_database
from chatsphere.services.errors import RetryableError, UpstreamUnavailable
from chatsphere.services.types import EmbeddingModel, SearchFilters, SearchRequest
from chatsphere.services.vector_store import qdrant
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord
from chatsphere.services.vector_store.memory import PlacedChunk
from chatsphere.services.vector_store.qdrant import QdrantVectorStore
from chatsphere.services.vector_store.qdrant_points import Layout, Points, Wanted
from chatsphere.services.vector_store.queries import query
from tests.stubs.qdrant_server import QdrantServer

pytestmark = pytest.mark.filterwarnings("ignore:(Payload indexes|Local mode|Api key is used)")

HOME: Final = ChatbotRef(UUID(int=1), UUID(int=2))
NEIGHBOUR: Final = ChatbotRef(UUID(int=1), UUID(int=3))
MODEL: Final = EmbeddingModel("openai:text-embedding@8", 8, 256)
OTHER: Final = EmbeddingModel("test:4", 4, 256)


def text(number: int) -> str:
    return f"Part P-{number} belongs to group g{number % 5}."


@dataclass
class World:
    store: QdrantVectorStore
    connection: Any
    server: QdrantServer

    @property
    def points(self) -> Points:
        return self.store._points

    def add(
        self, numbers: Sequence[int], chatbot: ChatbotRef = HOME, *, first: int = 1_000, closed: bool = False
    ) -> list[UUID]:
        ids = [UUID(int=first + number) for number in numbers]
        tags = frozenset(["staff"]) if closed else frozenset[str]()
        places = [PlacedChunk(UUID(int=5_000_000 + c.int), UUID(int=7_000_000 + first), access_tags=tags) for c in ids]
        chunks = [(c, text(n), place) for c, n, place in zip(ids, numbers, places, strict=True)]
        add_places(self.connection, chatbot=chatbot, chunks=chunks)
        records = [ChunkRecord(c, "", said, "en") for c, said, _ in chunks]
        self.store.add_texts(self.connection, chatbot=chatbot, records=records, is_live=True)
        rows = [(c, vector(n)) for c, n in zip(ids, numbers, strict=True)]
        self.store.add_vectors(self.connection, chatbot=chatbot, model=MODEL, vectors=rows, is_live=True)
        self.store.refresh_statistics(self.connection, chatbot=chatbot)
        return ids

    def follow(self) -> int:
        steps = 0
        for chatbot in self.store.outgrown(self.connection):
            while self.store.index_step(self.connection, chatbot=chatbot):
                steps += 1
        return steps

    def found(self, words: str, number: int | None = None, chatbot: ChatbotRef = HOME, **more: Any) -> list[UUID]:
        request = SearchRequest(
            chatbot.workspace_id, chatbot.chatbot_id, words, None if number is None else vector(number),
            None if number is None else MODEL.id, filters=SearchFilters(**more),
        )  # fmt: skip
        return [hit.chunk_id for hit in _run(self.store.search(request)).hits]

    def named(self, number: int) -> set[UUID]:
        """What Qdrant itself says, whatever PostgreSQL thinks of it."""
        return self.points.find(Wanted(HOME, {}, vector(number), MODEL.id, None, 50))

    def pending(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM training_pendingpoint").fetchone()[0])


def vector(number: int) -> Any:
    row = np.random.default_rng(number).normal(size=8)
    return np.asarray(row / np.linalg.norm(row), np.float32)


_loop = asyncio.new_event_loop()


def _run(awaitable: Any) -> Any:
    return _loop.run_until_complete(awaitable)


@pytest.fixture(scope="module")
def database() -> str:
    return create_database(os.environ["DATABASE_URL"], f"qdrant_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")


@pytest.fixture
def world(database: str) -> Iterator[World]:
    with QdrantServer() as server, psycopg.connect(database, autocommit=True) as connection:
        tables = "SELECT string_agg(tablename, ',') FROM pg_tables WHERE tablename LIKE 'training_%'"
        (names,) = connection.execute(tables).fetchone()  # type: ignore[misc]
        connection.execute(f"TRUNCATE {names}")
        store = QdrantVectorStore(database, Points.at(server.url, "a-key", layout=Layout(3, 2)), from_chunks=5)
        yield World(store, connection, server)
        _run(store.aclose())


# --- it is really asked ---


def test_a_search_asks_qdrant_for_words_and_for_meaning(world: World) -> None:
    ids = world.add(range(20))
    world.follow()
    world.server.seen.clear()
    assert world.found("P-7", 7)[0] == ids[7]
    asked = [line for line in world.server.seen if line.endswith("/points/query")]
    assert len(asked) == 2
    assert world.server.keys == {"a-key"}


def test_what_qdrant_does_not_name_is_not_looked_at(world: World) -> None:
    """So the searches of the other tests do not pass by looking at everything."""
    ids = world.add(range(20))
    world.follow()
    world.points.replace(HOME, ids[7:8], [], [])
    assert ids[7] not in world.found("P-7", 7)


def test_collections_are_made_for_many_tenants_in_a_cluster(world: World) -> None:
    world.add(range(6))
    world.follow()
    assert set(world.server.created) == {"chatsphere_words", _vectors_of(world)}
    made = world.server.created[_vectors_of(world)]
    assert (made["shard_number"], made["replication_factor"]) == (3, 2)
    assert made["vectors"]["hnsw_config"] == {"m": 0, "payload_m": 16}
    tenants = [name for name, body in world.server.indexed if body["field_schema"].__class__ is dict]
    assert sorted(tenants) == sorted(world.server.created)
    assert {"type": "keyword", "is_tenant": True} in [body["field_schema"] for _, body in world.server.indexed]


def _vectors_of(world: World) -> str:
    return next(name for name in world.server.created if name.startswith("chatsphere_vectors_openai_text_embedding_8_"))


def test_points_carry_no_content(world: World) -> None:
    world.add(range(6))
    world.follow()
    (point, *_), _ = world.server.local.scroll("chatsphere_words")
    assert point.payload == {"chatbot": str(HOME.chatbot_id), "workspace": str(HOME.workspace_id), "language": "en"}


def test_a_small_chatbot_is_searched_without_qdrant(world: World) -> None:
    ids = world.add(range(4))
    world.follow()
    world.server.seen.clear()
    assert world.found("P-3", 3)[0] == ids[3]
    assert world.server.seen == []


# --- Qdrant is late ---


def test_new_chunks_are_found_before_qdrant_knows_them(world: World) -> None:
    world.add(range(20))
    world.follow()
    (fresh,) = world.add([77])
    assert world.found("P-77", 77)[0] == fresh
    assert fresh not in world.named(77)


def test_deleted_chunks_are_found_by_no_search_although_qdrant_still_has_them(world: World) -> None:
    ids = world.add(range(20))
    world.follow()
    world.store.delete(world.connection, chatbot=HOME, chunk_ids=ids[:3])
    assert ids[0] in world.named(0)
    assert set(world.found("group g0", 0)) & set(ids[:3]) == set()
    world.follow()
    assert world.points.ids(HOME) == set(ids[3:])


def test_hidden_chunks_leave_qdrant_and_come_back(world: World) -> None:
    ids = world.add(range(20))
    world.follow()
    world.store.set_live(world.connection, chatbot=HOME, chunk_ids=ids[:1], is_live=False)
    assert ids[0] not in world.found("P-0", 0)
    world.follow()
    assert ids[0] not in world.points.ids(HOME)
    world.store.set_live(world.connection, chatbot=HOME, chunk_ids=ids[:1], is_live=True)
    assert world.found("P-0", 0)[0] == ids[0]
    world.follow()
    assert ids[0] in world.points.ids(HOME)


def test_a_change_while_qdrant_is_told_is_told_by_the_next_step(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = world.add(range(20))
    tell = Points.replace

    def tell_late(self: Points, *of: Any) -> None:
        monkeypatch.setattr(Points, "replace", tell)
        world.store.delete(world.connection, chatbot=HOME, chunk_ids=ids[:1])
        tell(self, *of)

    monkeypatch.setattr(Points, "replace", tell_late)
    world.store.index_step(world.connection, chatbot=HOME)
    assert ids[0] in world.points.ids(HOME)
    assert ids[0] not in world.found("P-0", 0)
    world.follow()
    assert world.points.ids(HOME) == set(ids[1:])


def test_one_worker_at_a_time_tells_of_a_chatbot(world: World, database: str) -> None:
    world.add(range(20))
    with psycopg.connect(database) as other, other.transaction():
        other.execute(query("hold_index"), {"chatbot": str(HOME.chatbot_id)})
        assert not world.store.index_step(world.connection, chatbot=HOME)
    assert world.pending() > 0
    assert world.store.index_step(world.connection, chatbot=HOME)
    assert world.pending() == 0


def test_far_behind_means_that_postgresql_searches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qdrant, "_MOST_PENDING", 10)
    ids = world.add(range(20))
    world.server.seen.clear()
    assert world.found("P-7", 7)[0] == ids[7]
    assert world.server.seen == []


# --- Qdrant is away ---


def test_without_qdrant_postgresql_answers_and_qdrant_is_left_alone_for_a_while(world: World) -> None:
    ids = world.add(range(20))
    world.follow()
    world.server.is_broken = True
    world.server.seen.clear()
    assert world.found("P-7", 7)[0] == ids[7]
    asked = len(world.server.seen)
    assert asked > 0
    assert world.found("P-8", 8)[0] == ids[8]
    assert len(world.server.seen) == asked
    world.server.is_broken = False
    world.store._rests_until = 0.0
    assert world.found("P-9", 9)[0] == ids[9]
    assert len(world.server.seen) > asked


def test_what_could_not_be_told_is_told_later(world: World) -> None:
    ids = world.add(range(20))
    world.server.is_broken = True
    waiting = world.pending()
    with pytest.raises(UpstreamUnavailable), world.connection.transaction():
        world.store.index_step(world.connection, chatbot=HOME)
    assert world.pending() == waiting
    world.server.is_broken = False
    world.follow()
    assert world.points.ids(HOME) == set(ids)


def test_an_operator_is_told_whether_it_answers(world: World) -> None:
    world.add(range(6))
    world.follow()
    assert world.store.describe() == "Qdrant with 2 collections, and PostgreSQL"
    world.server.is_broken = True
    with pytest.raises(UpstreamUnavailable):
        world.store.describe()


def test_a_server_that_is_not_there_is_no_surprise(database: str) -> None:
    nowhere = Points.at("http://127.0.0.1:1")
    with pytest.raises(RetryableError):
        nowhere.ids(HOME)


# --- whose points they are ---


def test_a_step_of_one_chatbot_touches_no_point_of_another(world: World) -> None:
    ids = world.add(range(20))
    world.follow()
    world.store.delete(world.connection, chatbot=NEIGHBOUR, chunk_ids=ids)
    world.follow()
    assert world.points.ids(HOME) == set(ids)
    assert world.points.ids(NEIGHBOUR) == set()


def test_nobody_finds_another_chatbots_chunks(world: World) -> None:
    ids = world.add(range(20))
    others = world.add(range(20), NEIGHBOUR, first=9_000)
    world.follow()
    assert world.found("P-7", 7)[0] == ids[7]
    assert world.found("P-7", 7, NEIGHBOUR)[0] == others[7]
    assert not set(world.found("group g2", 7)) & set(others)


def test_a_deleted_chatbot_leaves_qdrant(world: World) -> None:
    world.add(range(20))
    kept = world.add(range(20), NEIGHBOUR, first=9_000)
    world.follow()
    world.store.delete_chatbot(world.connection, chatbot=HOME)
    assert world.found("P-7", 7) == []
    world.follow()
    assert world.points.ids(HOME) == set()
    assert world.points.ids(NEIGHBOUR) == set(kept)


# --- filters ---


def test_closed_sources_do_not_thin_out_what_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatsphere.services.vector_store.pgvector._EXACT_CHUNKS", 0)
    world.add(range(30), closed=True)
    mine = world.add(range(30, 60), first=50_000)
    world.follow()
    found = world.found("group g3", 33, access_tags=frozenset())
    assert len(found) == 8
    assert set(found) <= set(mine)


def test_few_open_chunks_are_all_looked_at(world: World) -> None:
    world.add(range(30), closed=True)
    (mine,) = world.add([40], first=50_000)
    world.follow()
    world.server.seen.clear()
    assert world.found("group g3", 3, access_tags=frozenset()) == [mine]
    assert world.server.seen == []


# --- models ---


def test_vectors_of_two_models_live_side_by_side_until_the_old_ones_go(world: World) -> None:
    ids = world.add(range(20))
    rows = [(chunk_id, vector(number)[:4]) for number, chunk_id in enumerate(ids)]
    world.store.add_vectors(world.connection, chatbot=HOME, model=OTHER, vectors=rows, is_live=True)
    world.follow()
    assert world.points.counts(HOME, [MODEL.id, OTHER.id]) == (20, {MODEL.id: 20, OTHER.id: 20})
    gone = world.store.drop_vectors(world.connection, chatbot=HOME, keep=[OTHER.id], most=15)
    assert len(gone) == 15
    world.follow()
    assert world.points.counts(HOME, [MODEL.id, OTHER.id]) == (20, {MODEL.id: 5, OTHER.id: 20})


# --- the proof ---


def test_a_difference_is_found_and_put_right(world: World) -> None:
    ids = world.add(range(20))
    world.follow()
    assert world.store.mend(world.connection, chatbot=HOME, repair=True) == 0
    world.points.replace(HOME, ids[:3], [], [])
    world.connection.execute("DELETE FROM training_chunkterms WHERE chunk_id = %s", [ids[9]])
    world.connection.execute("DELETE FROM training_embedding WHERE chunk_id = %s", [ids[9]])
    assert world.store.mend(world.connection, chatbot=HOME, repair=False) == 4
    assert world.pending() == 0
    assert world.store.mend(world.connection, chatbot=HOME, repair=True) == 4
    world.follow()
    assert world.points.ids(HOME) == set(ids) - {ids[9]}
    assert world.store.mend(world.connection, chatbot=HOME, repair=True) == 0
