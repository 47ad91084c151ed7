"""What ChatSphere asks of the place where chunks are found.

Writes take the caller's psycopg connection and happen inside the caller's transaction: they never commit. Searches are async and use
the engine's own pool. Every call names workspace and chatbot; an engine never looks outside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol
from uuid import UUID

import psycopg

from chatsphere.services.types import EmbeddingModel, SearchOutcome, SearchRequest, Vector

Connection = psycopg.Connection[Any]
NO_WORDS: Final[Mapping[UUID, bytes]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ChatbotRef:
    workspace_id: UUID
    chatbot_id: UUID


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """A chunk text to be found by its words: analysed here, so that indexing and search use the same terms."""

    chunk_id: UUID
    context: str
    text: str
    language: str


class VectorStore(Protocol):
    def add_texts(
        self, connection: Connection, *, chatbot: ChatbotRef, records: Iterable[ChunkRecord], is_live: bool
    ) -> None:
        """Index chunk texts for sparse search. Repeating a chunk is harmless."""
        ...

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
        """Store one vector a chunk for this model. Repeating a chunk is harmless; a wrong dimension raises PermanentError.

        ``words`` are what the words of some of these chunks mean (``word_meanings``): searches give them back with the hits.
        """
        ...

    def add_words(self, connection: Connection, *, chatbot: ChatbotRef, words: Mapping[UUID, bytes]) -> None:
        """Store what the words of chunks mean that have vectors already. What is known is left alone."""
        ...

    def set_live(
        self, connection: Connection, *, chatbot: ChatbotRef, chunk_ids: Sequence[UUID], is_live: bool
    ) -> None:
        """Show chunks to searches, or hide them, when the caller's transaction commits."""
        ...

    def delete(self, connection: Connection, *, chatbot: ChatbotRef, chunk_ids: Sequence[UUID]) -> None: ...

    def drop_vectors(
        self, connection: Connection, *, chatbot: ChatbotRef, keep: Sequence[str], most: int
    ) -> list[UUID]:
        """Delete at most so many vectors of other models than these; of which chunks."""
        ...

    def delete_chatbot(self, connection: Connection, *, chatbot: ChatbotRef) -> None: ...

    def refresh_statistics(self, connection: Connection, *, chatbot: ChatbotRef) -> None:
        """Bring the chatbot's term statistics up to date with its live chunks. Cheap when nothing changed; safe to run twice."""
        ...

    def outgrown(self, connection: Connection) -> list[ChatbotRef]:
        """Chatbots so large that ``index_step`` makes their searches faster. Cheap: asked again and again."""
        ...

    def index_step(self, connection: Connection, *, chatbot: ChatbotRef) -> bool:
        """One short step of whatever makes searches in a large chatbot faster; whether there may be another.

        Searches are complete before, between and after the steps. Each belongs in a transaction of its own. An engine with a server
        of its own raises RetryableError while that is away.
        """
        ...

    def mend(self, connection: Connection, *, chatbot: ChatbotRef, repair: bool) -> int:
        """Compare what is kept outside PostgreSQL with PostgreSQL; by how many entries it differs. ``repair`` has it put right by
        the next steps."""
        ...

    def describe(self) -> str:
        """Where chunks are found, for an operator. Asks the engine's own server, when it has one; raises EngineError when that fails."""
        ...

    async def search(self, request: SearchRequest) -> SearchOutcome: ...
