"""How good a ranking of documents is, with binary relevance."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence


def ndcg(ranking: Sequence[str], gold: Collection[str], depth: int = 10) -> float:
    """Discounted gain over that of a ranking with all gold documents on top."""
    gained = sum(1 / math.log2(place + 2) for place, doc_id in enumerate(ranking[:depth]) if doc_id in gold)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(len(gold), depth)))
    return gained / ideal


def recall(ranking: Sequence[str], gold: Collection[str], depth: int) -> float:
    return len(set(ranking[:depth]) & set(gold)) / len(gold)


def hit(ranking: Sequence[str], gold: Collection[str], depth: int) -> float:
    """1 when any gold document is among the first."""
    return float(any(doc_id in gold for doc_id in ranking[:depth]))


def reciprocal_rank(ranking: Sequence[str], gold: Collection[str]) -> float:
    return next((1 / (place + 1) for place, doc_id in enumerate(ranking) if doc_id in gold), 0.0)
