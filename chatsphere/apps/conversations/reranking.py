"""The best hits in their last order: of the operator's reranker, else of their words and sentences where the embedding model is in this house."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, cast
from uuid import UUID

from chatsphere.apps.conversations.guardrails import without_secrets
from chatsphere.apps.users.flags import CLOSE_READING, RERANKING
from chatsphere.core import engines
from chatsphere.services.ai.closest_sentences import TextEmbedder, read_closely
from chatsphere.services.ai.nearest_words import COMPARED, prefer_near
from chatsphere.services.errors import EngineError
from chatsphere.services.types import Reading, SearchHit

logger = logging.getLogger("chatsphere.conversations")
MOST_RERANKED: Final = 20  # reading question and passage together is what costs
QUICK: Final = frozenset({"local:all-minilm-l6-v2-int8"})  # in this house, and some milliseconds a sentence
LEAST_DENSE_SHARE: Final = 0.4  # below, the model hardly reads the language of the documents


def hits_needed(wanted: int, model: str) -> int:
    """How many to search for, so that the last order has something to choose from."""
    if engines.reranker():
        return max(wanted, MOST_RERANKED)
    return max(wanted, COMPARED) if model in QUICK else wanted


@dataclass(frozen=True, slots=True)
class Asked:
    """What was searched for. ``reading`` is None where the search was by words alone; ``dense_share`` is how far its cosines counted."""

    text: str
    reading: Reading | None
    model: str
    dense_share: float
    language: str = ""
    workspace_id: UUID | None = None
    hides_secrets: bool = False  # from a reranker, which may be a provider's

    @property
    def can_be_read_closely(self) -> bool:
        """A model whose every text is a request that somebody pays, or takes long, is asked once a question, for the question."""
        return self.reading is not None and self.model in QUICK and self.dense_share >= LEAST_DENSE_SHARE


async def last_order(asked: Asked, hits: Sequence[SearchHit]) -> tuple[SearchHit, ...]:
    """The first hits ordered anew, the rest behind them. While reranker or embedder is switched off for the workspace,
    away or answers nonsense, everything stays as it is."""
    if engines.reranker() is not None and await RERANKING.is_on_async(asked.workspace_id):
        return await reranked(asked.text, hits, hides_secrets=asked.hides_secrets)
    if (
        asked.reading is None
        or not asked.can_be_read_closely
        or not await CLOSE_READING.is_on_async(asked.workspace_id)
    ):
        return tuple(hits)
    hits = prefer_near(asked.reading.words, hits)
    try:
        embedder = cast(TextEmbedder, engines.embedder(asked.model))
        return await read_closely(asked.text, asked.reading.vector, hits, embedder, language=asked.language)
    except EngineError as error:
        logger.warning("The sentences of the hits could not be read: %s", error)
        return tuple(hits)


async def reranked(question: str, hits: Sequence[SearchHit], *, hides_secrets: bool = False) -> tuple[SearchHit, ...]:
    """By the operator's reranker; as they are without one."""
    reranker = engines.reranker()
    if reranker is None or not hits:
        return tuple(hits)
    first, rest = hits[:MOST_RERANKED], hits[MOST_RERANKED:]
    try:
        scores = await reranker.rerank(question, without_secrets(first)[0] if hides_secrets else first)
    except EngineError as error:
        logger.warning("The hits could not be reranked: %s", error)
        return tuple(hits)
    scored = [replace(hit, rerank=score) for hit, score in zip(first, scores, strict=True)]
    return (*sorted(scored, key=lambda hit: -(hit.rerank or 0.0)), *rest)
