"""The engine with Qdrant: it names candidates, PostgreSQL decides.

PostgreSQL stays the record of words, vectors, places and of what is shown to whom, and scores whatever Qdrant names; so a point that
should be gone finds nothing, and scores are those of the other engine. Whoever changes a chunk notes it in the same transaction
(``training_pendingpoint``). ``index_step`` then makes Qdrant agree with what PostgreSQL says at that moment: steps can be lost, repeated
and done in any order. A chunk that is noted is looked at by every search of its chatbot, so it is found from the commit on.

When Qdrant is away, or has a long way to go, the search is done in PostgreSQL alone: slower in a large chatbot, as right as ever.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

import psycopg

from chatsphere.services.errors import UpstreamUnavailable
from chatsphere.services.types import EmbeddingModel, SearchOutcome, SearchRequest, Vector
from chatsphere.services.vector_store import wire
from chatsphere.services.vector_store.base import NO_WORDS, ChatbotRef, ChunkRecord, Connection
from chatsphere.services.vector_store.pgvector import (
    PgVectorStore,
    PoolSettings,
    ask,
    chatbot_parameters,
    filter_parameters,
    outcome,
    search_parameters,
)
from chatsphere.services.vector_store.qdrant_points import Embedded, Points, Wanted, Words
from chatsphere.services.vector_store.queries import query
from chatsphere.services.vector_store.weighed import Weighed, weigh

logger = logging.getLogger("chatsphere.search")

CHANGES_A_STEP: Final = 500  # some megabytes of JSON to Qdrant
_MOST_PENDING: Final = 5_000  # chunks that Qdrant may not have yet and that a search looks at besides: some 20 ms
_SPARE: Final = (
    2  # times as many candidates as are wanted: Qdrant's scores are rounded, and some of its points may be out of date
)
_REACH: Final = 10  # the same when some of the found ones may be closed to the caller
_REST_SECONDS: Final = 5.0  # Qdrant is left alone for so long after it failed


@dataclass(frozen=True, slots=True)
class _Before:
    """What must be known before Qdrant is asked: how many chunks there are, whether something is hidden from the caller, whether little is open, and the
    chunks that Qdrant may not have yet."""

    chunks: int
    needed: bool
    few: bool
    pending: Sequence[UUID]


class QdrantVectorStore(PgVectorStore):
    """``from_chunks``: a chatbot with fewer is searched in PostgreSQL, exactly and without a second server's time."""

    def __init__(self, dsn: str, points: Points, *, from_chunks: int = 1_000, pool: PoolSettings | None = None) -> None:
        pool = pool or PoolSettings()
        super().__init__(dsn, pool=pool)
        self._points = points
        self._from_chunks = from_chunks
        self._threads = ThreadPoolExecutor(pool.max_size, "qdrant")
        self._rests_until = 0.0

    # --- writes ---

    def add_texts(
        self, connection: Connection, *, chatbot: ChatbotRef, records: Iterable[ChunkRecord], is_live: bool
    ) -> None:
        records = list(records)
        super().add_texts(connection, chatbot=chatbot, records=records, is_live=is_live)
        if is_live:
            _note(connection, chatbot, [record.chunk_id for record in records])

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
        vectors = list(vectors)
        super().add_vectors(connection, chatbot=chatbot, model=model, vectors=vectors, is_live=is_live, words=words)
        if is_live:
            _note(connection, chatbot, [chunk_id for chunk_id, _ in vectors])

    def set_live(
        self, connection: Connection, *, chatbot: ChatbotRef, chunk_ids: Sequence[UUID], is_live: bool
    ) -> None:
        super().set_live(connection, chatbot=chatbot, chunk_ids=chunk_ids, is_live=is_live)
        _note(connection, chatbot, chunk_ids)

    def delete(self, connection: Connection, *, chatbot: ChatbotRef, chunk_ids: Sequence[UUID]) -> None:
        super().delete(connection, chatbot=chatbot, chunk_ids=chunk_ids)
        _note(connection, chatbot, chunk_ids)

    def drop_vectors(
        self, connection: Connection, *, chatbot: ChatbotRef, keep: Sequence[str], most: int
    ) -> list[UUID]:
        gone = super().drop_vectors(connection, chatbot=chatbot, keep=keep, most=most)
        _note(connection, chatbot, gone)
        return gone

    def delete_chatbot(self, connection: Connection, *, chatbot: ChatbotRef) -> None:
        super().delete_chatbot(connection, chatbot=chatbot)
        wire.binary_cursor(connection).execute(query("note_chatbot"), chatbot_parameters(chatbot))

    # --- Qdrant follows ---

    def outgrown(self, connection: Connection) -> list[ChatbotRef]:
        """Chatbots of which Qdrant must still be told something."""
        rows = wire.binary_cursor(connection).execute(query("chatbots_with_pending_points"))
        return [ChatbotRef(*row) for row in rows]

    def index_step(self, connection: Connection, *, chatbot: ChatbotRef) -> bool:
        """Tell Qdrant of the oldest changes, at most CHANGES_A_STEP. Raises RetryableError when it is away; nothing is lost then."""
        cursor, of = wire.binary_cursor(connection), chatbot_parameters(chatbot)
        if cursor.execute(query("hold_index"), {"chatbot": str(chatbot.chatbot_id)}).fetchone() != (True,):
            return False
        changes = cursor.execute(query("pending_points"), {**of, "most": CHANGES_A_STEP}).fetchall()
        if not changes:
            return False
        if any(chunk_id is None for _, chunk_id in changes):
            self._points.forget(chatbot)
        # What was forgotten too much comes back here: each chunk is made to be as PostgreSQL has it now.
        self._tell(cursor, chatbot, sorted({chunk_id for _, chunk_id in changes if chunk_id is not None}))
        cursor.execute(query("drop_pending_points"), {**of, "ids": [number for number, _ in changes]})
        return True

    def _tell(self, cursor: psycopg.Cursor[Any], chatbot: ChatbotRef, chunk_ids: Sequence[UUID]) -> None:
        if not chunk_ids:
            return
        parameters = {**chatbot_parameters(chatbot), "chunk_ids": wire.uuid_array(chunk_ids)}
        words = [_words(*row) for row in cursor.execute(query("words_of_points"), parameters)]
        embedded = [_embedded(*row) for row in cursor.execute(query("vectors_of_points"), parameters)]
        self._points.replace(chatbot, chunk_ids, words, embedded)

    def mend(self, connection: Connection, *, chatbot: ChatbotRef, repair: bool) -> int:
        """Compares how many points there are with how many there should be; where that differs every chunk is told anew."""
        cursor, of = wire.binary_cursor(connection), chatbot_parameters(chatbot)
        words: int
        vectors: dict[str, int]
        words, vectors, is_waiting = cursor.execute(query("live_points"), of).fetchone() or (0, {}, False)
        if is_waiting:
            return 0
        have_words, have_vectors = self._points.counts(chatbot, list(vectors))
        models = vectors.keys() | have_vectors.keys()
        wrong = abs(words - have_words) + sum(abs(vectors.get(m, 0) - have_vectors.get(m, 0)) for m in models)
        if wrong and repair:
            cursor.execute(query("note_all_points"), of)
            _note(connection, chatbot, sorted(self._points.ids(chatbot)))
        return wrong

    def describe(self) -> str:
        return f"Qdrant with {self._points.collections()} collections, and PostgreSQL"

    # --- search ---

    async def search(self, request: SearchRequest) -> SearchOutcome:
        """Raises RetryableError when PostgreSQL is away, too busy or too slow, never for Qdrant's sake."""
        if request.filters.document_ids is not None or time.monotonic() < self._rests_until:
            return await super().search(request)  # of few documents every chunk is looked at
        async with self._connection() as connection:
            before = await _before(connection, request)
        if before.few or before.chunks < self._from_chunks or len(before.pending) > _MOST_PENDING:
            return await super().search(request)
        try:
            return await self._search_in_both(request, before)
        except UpstreamUnavailable as error:
            logger.warning("Qdrant is left alone for %s s, PostgreSQL searches: %s", _REST_SECONDS, error)
            self._rests_until = time.monotonic() + _REST_SECONDS
            return await super().search(request)

    async def _search_in_both(self, request: SearchRequest, before: _Before) -> SearchOutcome:
        async with self._connection() as connection:
            weighed = await weigh(request, partial(ask, connection), self._remembered)
        found = await self._find(request, weighed, times=_REACH if before.needed else _SPARE)
        given = list(found.union(before.pending))
        async with self._connection() as connection:
            rows = await ask(connection, "search_given", {**search_parameters(request, weighed), "given": given})
        return outcome(weighed, rows)

    async def _find(self, request: SearchRequest, weighed: Weighed, *, times: int) -> set[UUID]:
        question = weighed.question
        wanted = Wanted(
            chatbot=ChatbotRef(request.workspace_id, request.chatbot_id),
            terms={term: idf * question.counts[term] for term, idf in weighed.idf.items()},
            vector=question.vector,
            model=request.model_id,
            languages=request.filters.languages,
            most=times * max(request.candidates, request.limit),
        )
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._points.find, wanted)


async def _before(connection: psycopg.AsyncConnection[Any], request: SearchRequest) -> _Before:
    parameters = {**filter_parameters(request), "most_pending": _MOST_PENDING}
    (row,) = await ask(connection, "before_points", parameters)
    return _Before(*row)


def _note(connection: Connection, chatbot: ChatbotRef, chunk_ids: Sequence[UUID]) -> None:
    if chunk_ids:
        parameters = {**chatbot_parameters(chatbot), "chunk_ids": wire.uuid_array(chunk_ids)}
        wire.binary_cursor(connection).execute(query("note_points"), parameters)


def _words(chunk_id: UUID, language: str, weights: bytes) -> Words:
    terms, values = wire.read_sparse_vector(weights)
    return Words(chunk_id, language, terms.tolist(), values.tolist())


def _embedded(chunk_id: UUID, model: str, language: str | None, vector: bytes) -> Embedded:
    return Embedded(chunk_id, language or "", model, wire.read_half_vector(vector))
