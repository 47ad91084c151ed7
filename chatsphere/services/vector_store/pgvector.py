"""The engine on PostgreSQL and pgvector: both indexes are tables, and one statement does the whole hybrid search.

Writers send one array a column and add one row to the statistics' inbox, so that uploads never wait for each other.
``refresh_statistics`` counts the inbox in, one refresh of a chatbot at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

import numpy as np
import psycopg
from psycopg.pq import Format
from psycopg.rows import tuple_row
from psycopg.types import TypeInfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from chatsphere.services.content.table_columns import columns_of
from chatsphere.services.errors import EngineMisconfigured, RetryableError
from chatsphere.services.types import (
    EmbeddingModel,
    QueryStatistics,
    SearchHit,
    SearchOutcome,
    SearchRequest,
    Vector,
)
from chatsphere.services.vector_store import bm25, large_chatbots, wire
from chatsphere.services.vector_store.analysis import ANALYSIS_VERSION
from chatsphere.services.vector_store.base import NO_WORDS, ChatbotRef, ChunkRecord, Connection
from chatsphere.services.vector_store.cells import CELLS_A_ROOT
from chatsphere.services.vector_store.chatbot_statistics import ChunkTotals, count_in, recount, totals_of_rows
from chatsphere.services.vector_store.queries import positional, query
from chatsphere.services.vector_store.questions import Question, checked_rows
from chatsphere.services.vector_store.weighed import Remembered, Rows, Weighed, weigh

_BATCH: Final = 2_000  # rows a statement; about 3 MB of parameters
_PROBES: Final = 32  # cells of near vectors
_EXACT_CHUNKS: Final = 20_000  # as few as a caller may see are all looked at
_REACH: Final = 10  # times as many candidates are looked at when some of them are closed
_T = TypeVar("_T")
_Pool = AsyncConnectionPool[psycopg.AsyncConnection[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Of one event loop. ``statement_timeout`` and ``wait`` are seconds. ``is_behind_pooler``: sessions change from one transaction to the next,
    so options are set in each transaction and statements are not prepared; a search then takes one round trip and its planning more."""

    min_size: int = 1
    max_size: int = 8
    statement_timeout: float = 5.0
    wait: float = 3.0
    is_behind_pooler: bool = False


class PgVectorStore:
    """``dsn`` is where searches connect; writes use the connection they are given. Making one connects to nothing."""

    def __init__(self, dsn: str, *, pool: PoolSettings = PoolSettings()) -> None:
        self._dsn = dsn
        self._pool_settings = pool
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()
        self._oids: dict[tuple[str, str], int] = {}
        self._remembered = Remembered()

    # --- writes ---

    def add_texts(
        self, connection: Connection, *, chatbot: ChatbotRef, records: Iterable[ChunkRecord], is_live: bool
    ) -> None:
        cursor = wire.binary_cursor(connection)
        for batch in _batches(records):
            batch.sort(
                key=lambda record: record.chunk_id.int
            )  # one order for all writers: they wait, they do not deadlock
            self._add_text_batch(cursor, chatbot, batch, is_live=is_live)

    def _add_text_batch(
        self, cursor: psycopg.Cursor[Any], chatbot: ChatbotRef, batch: Sequence[ChunkRecord], *, is_live: bool
    ) -> None:
        rows = bm25.weigh([(record.context, record.text, record.language) for record in batch])
        weights = wire.sparse_vectors([row[:2] for row in rows])
        parameters = {
            "chunk_ids": wire.uuid_array([record.chunk_id for record in batch]),
            "languages": wire.text_array([record.language for record in batch]),
            "lengths": wire.float_array([length for _, _, length in rows]),
            "weights": wire.array(weights, self._oid(cursor.connection, "sparsevec")),
            "analysis": ANALYSIS_VERSION,
            "is_live": is_live,
        }
        cursor.execute(query("add_texts"), chatbot_parameters(chatbot) | parameters)
        if is_live:
            pairs = list(zip(batch, rows, strict=True))
            if cursor.rowcount < len(batch):
                new = {chunk_id for (chunk_id,) in cursor}
                pairs = [(record, row) for record, row in pairs if record.chunk_id in new]
            _note_change(cursor, chatbot, ChunkTotals.of([(r.language, row.length, row.terms) for r, row in pairs]))

    def add_vectors(
        self,
        connection: Connection,
        *,
        chatbot: ChatbotRef,
        model: EmbeddingModel,
        vectors: Iterable[tuple[UUID, Vector]],
        is_live: bool,
        words: Mapping[UUID, bytes] = NO_WORDS,
    ) -> None:
        cursor = wire.binary_cursor(connection)
        oid = self._oid(connection, "halfvec")
        for batch in _batches(vectors):
            batch.sort(key=lambda pair: pair[0].int)
            rows = checked_rows([vector for _, vector in batch], model)
            parameters = {
                "chunk_ids": wire.uuid_array([chunk_id for chunk_id, _ in batch]),
                "vectors": wire.array(wire.half_vectors(rows), oid),
                "model": model.id,
                "is_live": is_live,
            }
            cursor.execute(query("add_vectors"), chatbot_parameters(chatbot) | parameters)
            told = {chunk_id: words[chunk_id] for chunk_id, _ in batch if words.get(chunk_id)}
            if told:
                self.add_words(connection, chatbot=chatbot, words=told)

    def add_words(self, connection: Connection, *, chatbot: ChatbotRef, words: Mapping[UUID, bytes]) -> None:
        packed = wire.array(words.values(), wire.BYTEA_OID)
        parameters = {"chunk_ids": wire.uuid_array(list(words)), "words": packed}
        wire.binary_cursor(connection).execute(query("add_words"), chatbot_parameters(chatbot) | parameters)

    def set_live(
        self, connection: Connection, *, chatbot: ChatbotRef, chunk_ids: Sequence[UUID], is_live: bool
    ) -> None:
        cursor = wire.binary_cursor(connection)
        parameters = chatbot_parameters(chatbot) | {"chunk_ids": wire.uuid_array(chunk_ids), "is_live": is_live}
        changed = totals_of_rows(cursor.execute(query("set_live_texts"), parameters))
        _note_change(cursor, chatbot, changed if is_live else changed.negative())
        cursor.execute(query("set_live_vectors"), parameters)

    def delete(self, connection: Connection, *, chatbot: ChatbotRef, chunk_ids: Sequence[UUID]) -> None:
        cursor = wire.binary_cursor(connection)
        parameters = chatbot_parameters(chatbot) | {"chunk_ids": wire.uuid_array(chunk_ids)}
        gone = totals_of_rows(cursor.execute(query("delete_texts"), parameters))
        _note_change(cursor, chatbot, gone.negative())
        cursor.execute(query("delete_vectors"), parameters)
        cursor.execute(query("delete_words"), parameters)

    def drop_vectors(
        self, connection: Connection, *, chatbot: ChatbotRef, keep: Sequence[str], most: int
    ) -> list[UUID]:
        parameters = chatbot_parameters(chatbot) | {"keep": list(keep), "most": most}
        return [chunk_id for (chunk_id,) in wire.binary_cursor(connection).execute(query("drop_vectors"), parameters)]

    def delete_chatbot(self, connection: Connection, *, chatbot: ChatbotRef) -> None:
        cursor = wire.binary_cursor(connection)
        for what in ("vectors", "words", "cells", "texts", "changes"):
            cursor.execute(query(f"delete_chatbot_{what}"), chatbot_parameters(chatbot))
        for what in ("buckets", "knowledge"):
            cursor.execute(query(f"delete_{what}"), chatbot_parameters(chatbot))

    # --- statistics ---

    def refresh_statistics(self, connection: Connection, *, chatbot: ChatbotRef) -> None:
        """Takes an advisory lock until the transaction ends: call it in a short transaction of its own."""
        cursor = wire.binary_cursor(connection)
        cursor.execute(query("lock_statistics"), {"chatbot": str(chatbot.chatbot_id)})
        balanced = cursor.execute(query("statistics_balance"), chatbot_parameters(chatbot)).fetchone()
        oid = self._oid(connection, "sparsevec")
        if balanced == (True,):
            count_in(cursor, chatbot_parameters(chatbot), oid)
        else:
            recount(cursor, chatbot_parameters(chatbot), oid)

    # --- large chatbots ---

    def outgrown(self, connection: Connection) -> list[ChatbotRef]:
        cursor = wire.binary_cursor(connection)
        limits = {
            "large": large_chatbots.LARGE,
            "fresh": large_chatbots.MOST_FRESH,
            "few_cells": CELLS_A_ROOT / large_chatbots.OUTGROWN,
        }
        return [ChatbotRef(*row) for row in cursor.execute(query("outgrown_chatbots"), limits)]

    def index_step(self, connection: Connection, *, chatbot: ChatbotRef) -> bool:
        """A step is some 2,000 rows: tenths of a second; finding the centres of 200,000 vectors takes several seconds."""
        return large_chatbots.one_step(
            wire.binary_cursor(connection), chatbot_parameters(chatbot), self._oid(connection, "halfvec")
        )

    def mend(self, connection: Connection, *, chatbot: ChatbotRef, repair: bool) -> int:
        """Nothing is kept twice here."""
        return 0

    def describe(self) -> str:
        return "PostgreSQL"

    # --- search ---

    async def search(self, request: SearchRequest) -> SearchOutcome:
        """Raises RetryableError when PostgreSQL is away, too busy or too slow."""
        async with self._connection() as connection:
            weighed = await weigh(request, partial(ask, connection), self._remembered)
            rows = await ask(connection, "search", search_parameters(request, weighed) | _lookups(weighed))
        return outcome(weighed, rows)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        try:
            async with (await self._pool()).connection() as connection, AsyncExitStack() as stack:
                if self._pool_settings.is_behind_pooler:
                    await stack.enter_async_context(_with_options(connection, self._pool_settings))
                yield connection
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise RetryableError(f"The search could not be done: {error}", retry_after=1.0) from error

    async def aclose(self) -> None:
        """Close this event loop's connections."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()

    async def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            pool = self._pools[loop] = _new_pool(self._dsn, self._pool_settings)
            await pool.open()
        return pool

    def _oid(self, connection: Connection, name: str) -> int:
        """pgvector's types have other numbers in each database."""
        key = (f"{connection.info.host}:{connection.info.port}/{connection.info.dbname}", name)
        if key not in self._oids:
            info = TypeInfo.fetch(connection, name)
            if info is None:
                raise EngineMisconfigured("This database lacks the extension pgvector: CREATE EXTENSION vector;")
            self._oids[key] = info.oid
        return self._oids[key]


# A generic plan is made once a connection: planning this statement anew costs more than running it on a small chatbot.
# Whatever one chatbot's share of a table, the way to its rows is an index. Starting a parallel worker takes longer than most searches.
_SEARCH_OPTIONS: Final = {
    "jit": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "work_mem": "32MB",
    "max_parallel_workers_per_gather": "0",
}


def _options(settings: PoolSettings) -> dict[str, str]:
    return {**_SEARCH_OPTIONS, "statement_timeout": str(int(settings.statement_timeout * 1000))}


def _new_pool(dsn: str, settings: PoolSettings) -> _Pool:
    options: dict[str, Any] = {"options": " ".join(f"-c {name}={value}" for name, value in _options(settings).items())}
    if settings.is_behind_pooler:
        options = {"prepare_threshold": None}
    return AsyncConnectionPool(
        dsn,
        min_size=settings.min_size,
        max_size=settings.max_size,
        timeout=settings.wait,
        open=False,
        name="search",
        configure=_configure,
        kwargs={"autocommit": True, "application_name": "chatsphere-search", **options},
    )


@asynccontextmanager
async def _with_options(connection: psycopg.AsyncConnection[Any], settings: PoolSettings) -> AsyncIterator[None]:
    """One transaction, which keeps one session and its options. Without a threshold psycopg prepares nothing, whatever it is asked."""
    async with connection.transaction():
        pairs = [part for pair in _options(settings).items() for part in pair]
        calls = ", ".join(["set_config(%s, %s, true)"] * (len(pairs) // 2))
        await connection.execute(f"SELECT {calls}".encode(), pairs)
        yield


async def ask(connection: psycopg.AsyncConnection[Any], name: str, parameters: Mapping[str, Any]) -> Rows:
    """All rows of a statement, which is prepared; binary both ways."""
    text, names = positional(name)
    cursor = psycopg.AsyncRawCursor(connection, row_factory=tuple_row)
    cursor.format = Format.BINARY
    await cursor.execute(text, [parameters[each] for each in names], prepare=True)
    return await cursor.fetchall()


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    wire.allow_encoded(connection)


def search_parameters(request: SearchRequest, weighed: Weighed) -> dict[str, Any]:
    """Of the searching statements."""
    question, idf = weighed.question, weighed.idf
    vector = None if question.vector is None else wire.Encoded(wire.half_vectors(question.vector[np.newaxis])[0])
    return filter_parameters(request) | {
        "terms": wire.int_array(list(idf)),
        "idf": wire.float_array(list(idf.values())),
        "weights": _weights(question, idf),
        **_norms(weighed.average_length),
        "vector": vector,
        "model": request.model_id,
        "sparse_share": question.sparse_share,
        "dense_share": question.dense_share,
        "limit": request.limit,
        "candidates": max(request.candidates, request.limit),
        "probes": _PROBES,
        "reach": _REACH,
    }


def _weights(question: Question, idf: Mapping[int, float]) -> wire.Encoded | None:
    """The question as a sparse vector."""
    if not idf:
        return None
    values = [value * question.counts[term] for term, value in idf.items()]
    return wire.Encoded(wire.sparse_vector(np.array(list(idf), np.int32), np.array(values, np.float32)))


def _norms(average_length: float) -> dict[str, float]:
    """A chunk's stored score · (base + stored·length) / (base + true·length) is its BM25 score."""
    slope = bm25.K1 * bm25.B
    return {
        "base": 1 + bm25.K1 * (1 - bm25.B),
        "stored": slope / bm25.REFERENCE_LENGTH,
        "true": slope / average_length,
    }


def _lookups(weighed: Weighed) -> dict[str, wire.Encoded | None]:
    asked = {term: weighed.frequencies[term] for term in weighed.question.counts}
    return large_chatbots.lookups(asked, weighed.chunks, weighed.key)


def filter_parameters(request: SearchRequest) -> dict[str, Any]:
    """Where to look, and what of it the caller may see."""
    filters = request.filters
    narrowed = (filters.source_ids, filters.document_ids)
    return {
        "workspace": request.workspace_id,
        "chatbot": request.chatbot_id,
        "is_filtered": any(ids is not None for ids in narrowed),
        "source_ids": None if filters.source_ids is None else list(filters.source_ids),
        "document_ids": None if filters.document_ids is None else list(filters.document_ids),
        "languages": None if filters.languages is None else list(filters.languages),
        "access_tags": None if filters.access_tags is None else list(filters.access_tags),
        "exact_chunks": _EXACT_CHUNKS,
    }


def outcome(weighed: Weighed, rows: Rows) -> SearchOutcome:
    """Out of the rows of a searching statement: how much of the question the hits cover, then a hit."""
    question, idf_total = weighed.question, sum(weighed.idf.values())
    coverage = rows[0][0] / idf_total if rows and idf_total else 0.0
    statistics = QueryStatistics(len(question.counts), idf_total, coverage, weighed.chunks, question.dense_share)
    return SearchOutcome(tuple(_hit(row[1:]) for row in rows), statistics)


def _hit(row: tuple[Any, ...]) -> SearchHit:
    chunk_id, document_id, source_id, title, url, page, heading_path, text, *scored, context = row
    char_start, char_end, dense, sparse, fused, words = scored
    return SearchHit(
        chunk_id, document_id, source_id, title, url, page, tuple(heading_path), text, char_start, char_end,
        dense, sparse, fused, word_meanings=words, columns=columns_of(context, text),
    )  # fmt: skip


def chatbot_parameters(chatbot: ChatbotRef) -> dict[str, Any]:
    """Of every statement that writes."""
    return {"workspace": chatbot.workspace_id, "chatbot": chatbot.chatbot_id}


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _note_change(cursor: psycopg.Cursor[Any], chatbot: ChatbotRef, change: ChunkTotals) -> None:
    if change.chunks:
        cursor.execute(query("add_change"), chatbot_parameters(chatbot) | change.to_row())
