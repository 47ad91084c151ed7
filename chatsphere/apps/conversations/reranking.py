"""The best hits in the order of the reranker, where the operator set one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from chatsphere.core import engines
from chatsphere.services.errors import EngineError
from chatsphere.services.types import SearchHit

logger = logging.getLogger("chatsphere.conversations")
MOST_RERANKED: Final = 20  # reading question and passage together is what costs


async def reranked(question: str, hits: Sequence[SearchHit]) -> tuple[SearchHit, ...]:
    """The first hits ordered by the reranker, the rest behind them. While it is away or answers nonsense, everything stays as it is."""
    reranker = engines.reranker()
    if reranker is None or not hits:
        return tuple(hits)
    first, rest = hits[:MOST_RERANKED], hits[MOST_RERANKED:]
    try:
        scores = await reranker.rerank(question, first)
    except EngineError as error:
        logger.warning("The hits could not be reranked: %s", error)
        return tuple(hits)
    scored = [replace(hit, rerank=score) for hit, score in zip(first, scores, strict=True)]
    return (*sorted(scored, key=lambda hit: -(hit.rerank or 0.0)), *rest)
