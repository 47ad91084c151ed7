"""What ChatSphere asks of a model. Engines are made once a process by ``core.engines`` and are safe to share between tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from chatsphere.services.types import ChatEvent, ChatPrompt, EmbeddingModel, Reading, SearchHit, Vector, Vectors


class Embedder(Protocol):
    """Turns texts into unit vectors. Passages are embedded by workers (sync), questions by the web process (async)."""

    @property
    def model(self) -> EmbeddingModel: ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in order, float32, L2-normalised. Raises RetryableError or PermanentError, never returns fewer rows."""
        ...

    async def embed_query(self, text: str) -> Vector: ...

    def count_tokens(self, text: str) -> int:
        """By the model's own tokenizer where it is known, else a careful over-estimate. Pure, fast, no I/O."""
        ...


@runtime_checkable
class WordReader(Protocol):
    """An embedder that can tell what each word of a text means where it stands (``word_meanings``), for no more work."""

    @property
    def tells_words(self) -> bool:
        """Whether its model does; else its readings come without words."""
        ...

    def read_passages(self, texts: Sequence[str]) -> list[Reading]:
        """Like ``embed_passages``."""
        ...

    async def read_question(self, text: str) -> Reading:
        """Like ``embed_query``."""
        ...


def tells_words(embedder: Embedder) -> bool:
    """Whether readings of this embedder come with what each word means."""
    return word_reader(embedder) is not None


def word_reader(embedder: Embedder) -> WordReader | None:
    """The embedder, where its readings come with what each word means."""
    return embedder if isinstance(embedder, WordReader) and embedder.tells_words else None


def read_passages(embedder: Embedder, texts: Sequence[str]) -> list[Reading]:
    """The vector of each text in order, with its words where the embedder tells them. Raises what the embedder raises."""
    if isinstance(embedder, WordReader):
        return embedder.read_passages(texts)
    return [Reading(vector) for vector in embedder.embed_passages(texts)]


async def read_question(embedder: Embedder, text: str) -> Reading:
    """The same of a question."""
    if isinstance(embedder, WordReader):
        return await embedder.read_question(text)
    return Reading(await embedder.embed_query(text))


class ChatModel(Protocol):
    """Answers a prompt as a stream: any number of TextDelta, then exactly one ChatDone; errors are raised."""

    @property
    def name(self) -> str:
        """``engine:model``, as settings spell it."""
        ...

    def stream(self, prompt: ChatPrompt) -> AsyncIterator[ChatEvent]: ...


class Reranker(Protocol):
    """Orders hits again by reading question and passage together."""

    async def rerank(self, question: str, hits: Sequence[SearchHit]) -> Sequence[float]:
        """One score a hit, in the hits' order; greater is better."""
        ...
