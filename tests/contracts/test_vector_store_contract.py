"""What every vector store promises. Each case runs against pgvector, its twin in memory, and Qdrant before and after it has caught up."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import numpy as np
import psycopg
import pytest

from benchmarks.search_tables import add_places, create_database
from chatsphere.services.errors import PermanentError
from chatsphere.services.types import EmbeddingModel, SearchFilters, SearchHit, SearchOutcome, SearchRequest, Vector
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord
from chatsphere.services.vector_store.memory import MemoryVectorStore, PlacedChunk
from chatsphere.services.vector_store.pgvector import PgVectorStore
from chatsphere.services.vector_store.qdrant import QdrantVectorStore
from chatsphere.services.vector_store.qdrant_points import Points

pytestmark = pytest.mark.filterwarnings("ignore:(Payload indexes|Local mode)")
EVERYTHING: Final = SearchFilters()
MODEL: Final = EmbeddingModel("test:8", dimensions=8, max_tokens=256)
OTHER_MODEL: Final = EmbeddingModel("test:4", dimensions=4, max_tokens=256)


def uid(number: int) -> UUID:
    return UUID(int=number)


HOME: Final = ChatbotRef(uid(1), uid(2))
NEIGHBOUR: Final = ChatbotRef(uid(1), uid(3))  # another chatbot of the same workspace
STRANGER: Final = ChatbotRef(uid(4), uid(5))

TEXTS: Final = (
    "The annual leave of every employee is twenty eight days.",
    "Sick leave needs a doctor's note from the third day.",
    "The canteen opens at noon and serves soup every day.",
    "Error E-1234 means that the printer has no paper.",
    "Parking is free for employees with a badge.",
    "Der Urlaub beträgt dreißig Tage im Jahr.",
)


def axis(number: int, dimensions: int = 8) -> Vector:
    return np.asarray(np.eye(dimensions, dtype=np.float32)[number % dimensions])


@dataclass
class Shop:
    """A store with what the training app does around it."""

    store: Any
    connection: Any
    indexes_at_once: bool = False

    def fill(
        self,
        chatbot: ChatbotRef = HOME,
        texts: Sequence[str] = TEXTS,
        *,
        first: int = 100,
        languages: Sequence[str] = (),
        vectors: bool = True,
        is_live: bool = True,
        places: Sequence[PlacedChunk] = (),
        context: str = "",
    ) -> list[UUID]:
        """One document a text, in a source of its own, unless places say otherwise. Vector i points along axis i."""
        ids = [uid(first + i) for i in range(len(texts))]
        places = places or [
            PlacedChunk(uid(1000 + first + i), uid(2000 + first + i), title=f"Document {i}", char_end=len(text))
            for i, text in enumerate(texts)
        ]
        self.place(
            [(chunk_id, text, place) for chunk_id, text, place in zip(ids, texts, places, strict=True)],
            chatbot,
            context,
        )
        languages = languages or ["en"] * len(texts)
        records = [
            ChunkRecord(chunk_id, context, text, language)
            for chunk_id, text, language in zip(ids, texts, languages, strict=True)
        ]
        self.store.add_texts(self.connection, chatbot=chatbot, records=records, is_live=is_live)
        if vectors:
            rows = [(chunk_id, axis(i)) for i, chunk_id in enumerate(ids)]
            self.store.add_vectors(self.connection, chatbot=chatbot, model=MODEL, vectors=rows, is_live=is_live)
        self.refresh(chatbot)
        return ids

    def place(
        self, chunks: Sequence[tuple[UUID, str, PlacedChunk]], chatbot: ChatbotRef = HOME, context: str = ""
    ) -> None:
        if isinstance(self.store, MemoryVectorStore):
            for chunk_id, _, place in chunks:
                self.store.place(chunk_id, place)
        else:
            add_places(self.connection, chatbot=chatbot, chunks=chunks, context=context)

    def refresh(self, chatbot: ChatbotRef = HOME) -> None:
        self.store.refresh_statistics(self.connection, chatbot=chatbot)
        if self.indexes_at_once:
            self.index()

    def index(self) -> None:
        for chatbot in self.store.outgrown(self.connection):
            while self.store.index_step(self.connection, chatbot=chatbot):
                pass

    def search(
        self, text: str, vector: Vector | None = None, *, chatbot: ChatbotRef = HOME, limit: int = 8,
        filters: SearchFilters = EVERYTHING, candidates: int = 100,
    ) -> SearchOutcome:  # fmt: skip
        model_id = None if vector is None else MODEL.id
        request = SearchRequest(
            chatbot.workspace_id, chatbot.chatbot_id, text, vector, model_id, limit, candidates, filters
        )
        outcome: SearchOutcome = _run(self.store.search(request))
        return outcome

    def found(self, text: str, vector: Vector | None = None, **options: Any) -> list[UUID]:
        return [hit.chunk_id for hit in self.search(text, vector, **options).hits]


_loop = asyncio.new_event_loop()


def _run(awaitable: Any) -> Any:
    return _loop.run_until_complete(awaitable)


@pytest.fixture(scope="module")
def database() -> str:
    return create_database(os.environ["DATABASE_URL"], f"vector_store_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")


def _opened(store: Any, database: str, *, indexes_at_once: bool = False) -> Iterator[Shop]:
    with psycopg.connect(database, autocommit=True) as connection:
        tables = "SELECT string_agg(tablename, ',') FROM pg_tables WHERE tablename LIKE 'training_%'"
        (names,) = connection.execute(tables).fetchone()  # type: ignore[misc]
        connection.execute(f"TRUNCATE {names}")
        yield Shop(store, connection, indexes_at_once)
    _run(store.aclose())


@pytest.fixture
def pgvector_shop(database: str) -> Iterator[Shop]:
    yield from _opened(PgVectorStore(database), database)


@pytest.fixture
def qdrant_shop(database: str) -> Iterator[Shop]:
    """Qdrant knows of every chunk that was counted."""
    yield from _opened(QdrantVectorStore(database, Points.in_memory(), from_chunks=0), database, indexes_at_once=True)


@pytest.fixture
def late_qdrant_shop(database: str) -> Iterator[Shop]:
    """Qdrant was told of nothing yet."""
    yield from _opened(QdrantVectorStore(database, Points.in_memory(), from_chunks=0), database)


@pytest.fixture
def memory_shop() -> Shop:
    return Shop(MemoryVectorStore(), None)


@pytest.fixture(params=["memory", "pgvector", "qdrant", "late_qdrant"])
def shop(request: pytest.FixtureRequest) -> Shop:
    found: Shop = request.getfixturevalue(f"{request.param}_shop")
    return found


# --- finding ---


def test_words_are_found_in_another_form(shop: Shop) -> None:
    ids = shop.fill()
    assert shop.found("employees' leaves")[:1] == [ids[0]]


@pytest.mark.parametrize("with_vector", [False, True])
def test_misspelt_words_are_forgiven(shop: Shop, with_vector: bool) -> None:
    ids = shop.fill()
    vector = axis(7) if with_vector else None
    assert shop.found("cantene", vector)[:1] == shop.found("canteen", vector)[:1] == [ids[2]]
    assert shop.found("emploiees annuel", vector)[:1] == [ids[0]]
    assert shop.search("emploiees", vector).statistics == shop.search("employees", vector).statistics


def test_function_words_of_the_questions_language_are_no_words_of_the_other(shop: Shop) -> None:
    shop.fill(languages=["en"] * 5 + ["de"])
    assert shop.search("Wie viele Tage hat der Urlaub?").statistics.query_terms == 2
    assert shop.search("Please tell me when the canteen opens").statistics.query_terms == 2


def test_a_near_word_of_another_chatbot_helps_nobody(shop: Shop) -> None:
    shop.fill()
    shop.fill(NEIGHBOUR, ["Zebras graze."], first=500)
    assert shop.found("zebrass") == []
    assert shop.found("zebrass", chatbot=NEIGHBOUR) == [uid(500)]


def test_compounds_and_their_parts_find_each_other(shop: Shop) -> None:
    texts = ["Der Urlaub hat einen Anspruch.", "Die Kündigungsfrist beträgt vier Wochen.", "Das Essen ist warm."]
    ids = shop.fill(texts=texts, languages=["de"] * 3)
    assert shop.found("Urlaubsanspruch") == [ids[0]]
    assert shop.found("Frist einer Kündigung") == [ids[1]]


def test_a_vector_alone_finds_when_no_word_matches(shop: Shop) -> None:
    ids = shop.fill()
    outcome = shop.search("zebra", axis(4), limit=1)
    assert [hit.chunk_id for hit in outcome.hits] == [ids[4]]
    assert outcome.hits[0].dense == pytest.approx(1.0, abs=1e-3)
    assert outcome.hits[0].sparse == 0.0


def test_both_halves_count_equally(shop: Shop) -> None:
    ids = shop.fill()
    hits = shop.search("printer paper", axis(2)).hits
    assert {hits[0].chunk_id, hits[1].chunk_id} == {ids[3], ids[2]}
    assert hits[0].fused == pytest.approx(hits[1].fused, abs=0.02)


def test_text_alone_works_and_leaves_the_cosine_open(shop: Shop) -> None:
    ids = shop.fill()
    hits = shop.search("canteen soup").hits
    assert hits[0].chunk_id == ids[2]
    assert hits[0].dense is None
    assert hits[0].sparse is not None
    assert hits[0].sparse > 0


def test_chunks_without_a_vector_yet_are_found_by_their_words(shop: Shop) -> None:
    ids = shop.fill(vectors=False)
    shop.store.add_vectors(
        shop.connection, chatbot=HOME, model=MODEL, vectors=[(ids[0], axis(0)), (ids[1], axis(1))], is_live=True
    )
    hits = shop.search("printer paper", axis(0)).hits
    assert {hits[0].chunk_id, hits[1].chunk_id} == {ids[0], ids[3]}
    assert {hit.chunk_id: hit.dense for hit in hits}[ids[3]] is None


def test_new_chunks_are_found_before_the_statistics_know_them(shop: Shop) -> None:
    shop.fill()
    fresh = uid(900)
    shop.place([(fresh, "Bicycles stand in the yard.", PlacedChunk(uid(1900), uid(2900)))])
    shop.store.add_texts(
        shop.connection, chatbot=HOME, records=[ChunkRecord(fresh, "", "Bicycles stand in the yard.", "en")],
        is_live=True,
    )  # fmt: skip
    assert shop.found("where do bicycles stand") == [fresh]


def test_title_and_headings_are_searched_with_the_text(shop: Shop) -> None:
    ids = shop.fill(texts=["Ask the front desk."], context="Lost property › Umbrellas")
    assert shop.found("umbrella") == ids


def test_rows_of_a_table_come_with_the_columns_that_their_header_names_elsewhere(shop: Shop) -> None:
    shop.fill(texts=["| VX-1385 | 72.25 | 4 |"], context="Parts › Part, Price in EUR, Delivery days")
    (hit,) = shop.search("delivery days of VX-1385").hits
    assert hit.columns == ("Part", "Price in EUR", "Delivery days")


def test_a_question_is_read_in_the_languages_of_the_documents(shop: Shop) -> None:
    ids = shop.fill(languages=["en"] * 5 + ["de"])
    assert shop.found("Urlaube")[:1] == [ids[5]]
    assert shop.found("leaves")[:1] != []


def test_an_identifier_is_found_whole_and_in_parts(shop: Shop) -> None:
    ids = shop.fill()
    assert shop.found("e-1234")[:1] == [ids[3]]
    assert shop.found("E1234")[:1] == [ids[3]]
    assert shop.found("1234")[:1] == [ids[3]]


def test_nothing_is_found_where_nothing_is(shop: Shop) -> None:
    outcome = shop.search("leave", axis(0))
    assert outcome.hits == ()
    assert outcome.statistics.chunks == 0
    assert outcome.statistics.best_coverage == 0


def test_a_question_without_words_finds_by_meaning(shop: Shop) -> None:
    ids = shop.fill()
    outcome = shop.search("???", axis(1), limit=1)
    assert [hit.chunk_id for hit in outcome.hits] == [ids[1]]
    assert outcome.statistics.query_terms == 0
    assert shop.found("???") == []


def test_the_limit_holds(shop: Shop) -> None:
    shop.fill()
    assert len(shop.found("leave day employee", axis(0), limit=2)) == 2


def test_a_long_question_is_no_error(shop: Shop) -> None:
    ids = shop.fill()
    noise = " ".join(f"w{number}" for number in range(3000))
    assert shop.found(f"printer printer printer {noise}")[:1] == [ids[3]]


@pytest.mark.parametrize("text", ["\x00", "'); DROP TABLE training_embedding; --", "{1:1}/3", "ﷺ" * 50, "\ud800", "🙂"])
def test_hostile_text_is_no_error(shop: Shop, text: str) -> None:
    shop.fill()
    assert shop.search(text, axis(0)).hits


# --- places ---


def test_a_hit_carries_its_place(shop: Shop) -> None:
    place = PlacedChunk(uid(50), uid(60), "Handbook", "https://example.com/h", 3, 7, ("Time", "Leave"), 10, 66)
    (chunk_id,) = shop.fill(texts=TEXTS[:1], places=[place])
    (hit,) = shop.search("leave", axis(0)).hits
    assert (hit.chunk_id, hit.document_id, hit.source_id) == (chunk_id, uid(50), uid(60))
    assert (hit.title, hit.url, hit.page, hit.heading_path) == (
        "Handbook",
        "https://example.com/h",
        7,
        ("Time", "Leave"),
    )
    assert (hit.text, hit.char_start, hit.char_end) == (TEXTS[0], 10, 66)


def test_a_repeated_text_is_one_hit_at_its_first_place_in_the_newest_document(shop: Shop) -> None:
    old, new = PlacedChunk(uid(50), uid(60), ordinal=0), PlacedChunk(uid(51), uid(61), ordinal=4, char_start=40)
    (chunk_id,) = shop.fill(texts=TEXTS[:1], places=[old])
    shop.place([(chunk_id, TEXTS[0], place) for place in (replace(new, ordinal=9, char_start=90), new)])
    (hit,) = shop.search("leave").hits
    assert (hit.document_id, hit.char_start) == (uid(51), 40)


def test_a_chunk_without_a_place_is_not_found(shop: Shop) -> None:
    ids = shop.fill(texts=TEXTS[:2])
    if isinstance(shop.store, MemoryVectorStore):
        shop.store = _with_places_of(shop.store, ids[1:])
    else:
        shop.connection.execute("UPDATE training_document SET current_version_id = NULL WHERE id = %s", [uid(1100)])
    assert shop.found("leave", axis(0)) == ids[1:]


def _with_places_of(store: MemoryVectorStore, kept: Sequence[UUID]) -> MemoryVectorStore:
    store._places = {chunk_id: places for chunk_id, places in store._places.items() if chunk_id in kept}
    return store


# --- filters ---


def test_filters_narrow_before_the_best_are_picked(shop: Shop) -> None:
    ids = shop.fill()
    everything = {"leave employee day": axis(0)}
    for text, vector in everything.items():
        by_document = SearchFilters(document_ids=frozenset([uid(1104)]))
        assert shop.found(text, vector, filters=by_document, candidates=1, limit=1) == [ids[4]]
        by_source = SearchFilters(source_ids=frozenset([uid(2101), uid(2102)]))
        assert set(shop.found(text, vector, filters=by_source)) == {ids[1], ids[2]}


def test_languages_narrow(shop: Shop) -> None:
    ids = shop.fill(languages=["en"] * 5 + ["de"])
    assert shop.found("Tage day", axis(0), filters=SearchFilters(languages=frozenset(["de"]))) == [ids[5]]


@pytest.mark.parametrize("field", ["source_ids", "document_ids", "languages"])
def test_an_empty_filter_finds_nothing(shop: Shop, field: str) -> None:
    shop.fill()
    assert shop.found("leave", axis(0), filters=SearchFilters(**{field: frozenset()})) == []


def test_tagged_sources_are_for_those_who_carry_a_tag(shop: Shop) -> None:
    open_place = PlacedChunk(uid(50), uid(60))
    staff = PlacedChunk(uid(51), uid(61), access_tags=frozenset(["staff", "board"]))
    ids = shop.fill(texts=TEXTS[:2], places=[open_place, staff])
    assert set(shop.found("leave", axis(1))) == set(ids)
    assert shop.found("leave", axis(1), filters=SearchFilters(access_tags=frozenset())) == ids[:1]
    assert shop.found("leave", axis(1), filters=SearchFilters(access_tags=frozenset(["guest"]))) == ids[:1]
    assert set(shop.found("leave", axis(1), filters=SearchFilters(access_tags=frozenset(["board", "x"])))) == set(ids)


def test_a_text_that_also_stands_in_a_closed_source_shows_its_open_place(shop: Shop) -> None:
    open_place = PlacedChunk(uid(50), uid(60), title="open")
    closed = PlacedChunk(uid(51), uid(61), title="closed", access_tags=frozenset(["board"]))
    (chunk_id,) = shop.fill(texts=TEXTS[:1], places=[open_place])
    shop.place([(chunk_id, TEXTS[0], closed)])
    (hit,) = shop.search("leave", filters=SearchFilters(access_tags=frozenset())).hits
    assert hit.title == "open"


# --- whose it is ---


def test_nobody_finds_what_is_another_chatbots(shop: Shop) -> None:
    shop.fill(HOME)
    mine = shop.fill(NEIGHBOUR, TEXTS[:1], first=300)
    theirs = shop.fill(STRANGER, TEXTS[:1], first=400)
    assert shop.found("leave employee", axis(0), chatbot=NEIGHBOUR) == mine
    assert shop.found("leave employee", axis(0), chatbot=STRANGER) == theirs
    mixed = ChatbotRef(STRANGER.workspace_id, HOME.chatbot_id)
    assert shop.found("leave employee", axis(0), chatbot=mixed) == []


def test_writes_do_not_reach_into_another_chatbot(shop: Shop) -> None:
    ids = shop.fill(HOME)
    shop.store.delete(shop.connection, chatbot=NEIGHBOUR, chunk_ids=ids)
    shop.store.set_live(shop.connection, chatbot=STRANGER, chunk_ids=ids, is_live=False)
    shop.store.delete_chatbot(shop.connection, chatbot=ChatbotRef(STRANGER.workspace_id, HOME.chatbot_id))
    shop.refresh()
    outcome = shop.search("leave", axis(0))
    assert len(outcome.hits) == len(ids)
    assert outcome.statistics.chunks == len(ids)


# --- life of a chunk ---


def test_hidden_chunks_are_found_only_after_they_are_shown(shop: Shop) -> None:
    ids = shop.fill(is_live=False)
    assert shop.found("leave", axis(0)) == []
    shop.store.set_live(shop.connection, chatbot=HOME, chunk_ids=ids[:2], is_live=True)
    shop.refresh()
    outcome = shop.search("leave", axis(0))
    assert {hit.chunk_id for hit in outcome.hits} == set(ids[:2])
    assert outcome.statistics.chunks == 2
    shop.store.set_live(shop.connection, chatbot=HOME, chunk_ids=ids[:1], is_live=False)
    shop.refresh()
    outcome = shop.search("leave", axis(0))
    assert [hit.chunk_id for hit in outcome.hits] == ids[1:2]
    assert outcome.statistics.chunks == 1


def test_repeating_a_write_changes_nothing(shop: Shop) -> None:
    shop.fill()
    before = shop.search("leave day", axis(0))
    records = [ChunkRecord(uid(100), "", "Something else entirely.", "en")] * 2
    shop.store.add_texts(shop.connection, chatbot=HOME, records=records, is_live=True)
    vectors = [(uid(100), axis(5))] * 2
    shop.store.add_vectors(shop.connection, chatbot=HOME, model=MODEL, vectors=vectors, is_live=True)
    shop.store.set_live(shop.connection, chatbot=HOME, chunk_ids=[uid(100)], is_live=True)
    shop.refresh()
    shop.refresh()
    assert_same(shop.search("leave day", axis(0)), before)


def test_deleted_chunks_are_gone_and_no_longer_counted(shop: Shop) -> None:
    ids = shop.fill()
    shop.store.delete(shop.connection, chatbot=HOME, chunk_ids=ids[:3])
    shop.store.delete(shop.connection, chatbot=HOME, chunk_ids=ids[:3])
    assert set(shop.found("leave day employee", axis(0))) == set(ids[3:])
    shop.refresh()
    statistics = shop.search("leave printer", axis(0)).statistics
    assert statistics.chunks == 3
    assert statistics.idf_total == pytest.approx(np.log(1 + 3.5 / 0.5) + np.log(1 + 2.5 / 1.5), abs=1e-4)


def test_a_deleted_chatbot_knows_nothing(shop: Shop) -> None:
    shop.fill(HOME)
    kept = shop.fill(NEIGHBOUR, TEXTS[:1], first=300)
    shop.store.delete_chatbot(shop.connection, chatbot=HOME)
    assert shop.search("leave", axis(0)).hits == ()
    assert shop.search("leave", axis(0)).statistics.chunks == 0
    assert shop.found("leave", axis(0), chatbot=NEIGHBOUR) == kept


def test_vectors_of_another_model_are_left_out(shop: Shop) -> None:
    ids = shop.fill(vectors=False)
    other = [(chunk_id, axis(i, 4)) for i, chunk_id in enumerate(ids)]
    shop.store.add_vectors(shop.connection, chatbot=HOME, model=OTHER_MODEL, vectors=other, is_live=True)
    shop.store.add_vectors(shop.connection, chatbot=HOME, model=MODEL, vectors=[(ids[2], axis(0))], is_live=True)
    assert shop.found("zebra", axis(0)) == [ids[2]]


def test_words_may_come_after_the_vectors(shop: Shop) -> None:
    ids = shop.fill()
    rows = [(chunk_id, axis(i)) for i, chunk_id in enumerate(ids)]
    known = {ids[0]: b"\x01leave"}
    shop.store.add_vectors(shop.connection, chatbot=HOME, model=MODEL, vectors=rows, is_live=True, words=known)
    shop.store.add_words(shop.connection, chatbot=HOME, words={ids[0]: b"\x01other", ids[1]: b"\x01sick"})
    found = {hit.chunk_id: hit.word_meanings for hit in shop.search("leave day", axis(0)).hits}
    assert {chunk_id: packed for chunk_id, packed in found.items() if packed} == {**known, ids[1]: b"\x01sick"}


def test_words_come_back_with_the_hits_and_go_with_the_chunks(shop: Shop) -> None:
    ids = shop.fill()
    words, rows = {ids[0]: b"\x01leave", ids[1]: b"\x01sick"}, [(chunk_id, axis(i)) for i, chunk_id in enumerate(ids)]
    for told in (words, {ids[0]: b"\x01other"}):
        shop.store.add_vectors(shop.connection, chatbot=HOME, model=MODEL, vectors=rows, is_live=True, words=told)
    found = {hit.chunk_id: hit.word_meanings for hit in shop.search("leave day", axis(0)).hits}
    assert {chunk_id: packed for chunk_id, packed in found.items() if packed} == words
    shop.store.delete(shop.connection, chatbot=HOME, chunk_ids=ids[:1])
    shop.store.delete_chatbot(shop.connection, chatbot=NEIGHBOUR)
    records = [ChunkRecord(ids[0], "", TEXTS[0], "en")]
    shop.store.add_texts(shop.connection, chatbot=HOME, records=records, is_live=True)
    found = {hit.chunk_id: hit.word_meanings for hit in shop.search("leave day", axis(0)).hits}
    assert (found[ids[0]], found[ids[1]]) == (b"", words[ids[1]])


def test_a_vector_of_the_wrong_shape_is_refused(shop: Shop) -> None:
    for wrong in (axis(0, 4), np.full(8, np.nan, np.float32)):
        with pytest.raises(PermanentError, match="test:8"):
            shop.store.add_vectors(shop.connection, chatbot=HOME, model=MODEL, vectors=[(uid(1), wrong)], is_live=True)


def test_empty_writes_are_no_error(shop: Shop) -> None:
    shop.store.add_texts(shop.connection, chatbot=HOME, records=[], is_live=True)
    shop.store.add_vectors(shop.connection, chatbot=HOME, model=MODEL, vectors=[], is_live=True)
    shop.store.set_live(shop.connection, chatbot=HOME, chunk_ids=[], is_live=True)
    shop.store.delete(shop.connection, chatbot=HOME, chunk_ids=[])
    shop.refresh()
    assert shop.search("leave").statistics.chunks == 0


def test_a_chunk_without_any_term_is_stored(shop: Shop) -> None:
    ids = shop.fill(texts=["— … —", TEXTS[0]])
    assert shop.found("leave", axis(0))[:1] != []
    assert shop.found("???", axis(0), limit=1) == ids[:1]


# --- the figures beside the hits ---


def test_statistics_speak_of_the_question(shop: Shop) -> None:
    shop.fill()
    statistics = shop.search("printer paper unicorn").statistics
    rare, unknown = np.log(1 + 5.5 / 1.5), np.log(1 + 6.5 / 0.5)
    assert statistics.query_terms == 3
    assert statistics.idf_total == pytest.approx(2 * rare + unknown, abs=1e-4)
    assert statistics.best_coverage == pytest.approx(2 * rare / (2 * rare + unknown), abs=1e-4)
    assert statistics.chunks == 6


# --- all engines say the same ---


@pytest.fixture(params=["pgvector", "qdrant", "late_qdrant"])
def other_shop(request: pytest.FixtureRequest) -> Shop:
    found: Shop = request.getfixturevalue(f"{request.param}_shop")
    return found


def test_all_engines_find_the_same_with_the_same_scores(memory_shop: Shop, other_shop: Shop) -> None:
    generator = random.Random(7)
    numbers = np.random.default_rng(7)
    words = [f"word{number}" for number in range(120)]
    weights = [1 / (number + 1) for number in range(120)]
    texts = [" ".join(generator.choices(words, weights, k=generator.randint(3, 60))) for _ in range(400)]
    vectors = numbers.normal(size=(400, 8)).astype(np.float32)
    for shop in (memory_shop, other_shop):
        ids = shop.fill(texts=texts, vectors=False)
        rows = list(zip(ids, vectors, strict=True))[:350]
        shop.store.add_vectors(shop.connection, chatbot=HOME, model=MODEL, vectors=rows, is_live=True)
        shop.store.delete(shop.connection, chatbot=HOME, chunk_ids=ids[::17])
        shop.refresh()
    assert_same_searches(other_shop, memory_shop, generator, numbers, words)


def test_all_engines_score_the_same_before_any_statistics(memory_shop: Shop, other_shop: Shop) -> None:
    records = [ChunkRecord(uid(100 + i), "", text, "en") for i, text in enumerate(TEXTS)]
    for shop in (memory_shop, other_shop):
        shop.place([(r.chunk_id, r.text, PlacedChunk(uid(1), uid(2), ordinal=i)) for i, r in enumerate(records)])
        shop.store.add_texts(shop.connection, chatbot=HOME, records=records, is_live=True)
    question = "how many days of leave has an employee"
    assert_same(other_shop.search(question), memory_shop.search(question))


def assert_same_searches(
    one: Shop, other: Shop, generator: random.Random, numbers: np.random.Generator, words: Sequence[str]
) -> None:
    for _ in range(40):
        question = " ".join(generator.choices(words, k=generator.randint(1, 9)))
        vector = numbers.normal(size=8).astype(np.float32) if generator.random() < 0.8 else None
        tags = frozenset(["x"]) if generator.random() < 0.3 else None
        options: dict[str, Any] = {"candidates": 30, "filters": SearchFilters(access_tags=tags)}
        assert_same(one.search(question, vector, **options), other.search(question, vector, **options))


def assert_same(one: SearchOutcome, other: SearchOutcome) -> None:
    assert [hit.chunk_id for hit in one.hits] == [hit.chunk_id for hit in other.hits]
    for left, right in zip(one.hits, other.hits, strict=True):
        assert _scores(left) == pytest.approx(_scores(right), abs=2e-3)
        assert replace(left, dense=0, sparse=0, fused=0) == replace(right, dense=0, sparse=0, fused=0)
    assert one.statistics.query_terms == other.statistics.query_terms
    assert one.statistics.chunks == other.statistics.chunks
    assert one.statistics.idf_total == pytest.approx(other.statistics.idf_total, rel=1e-4)
    assert one.statistics.best_coverage == pytest.approx(other.statistics.best_coverage, rel=1e-4)


def _scores(hit: SearchHit) -> tuple[float, float, float]:
    return (-2 if hit.dense is None else hit.dense, hit.sparse or 0, hit.fused)
