"""Until services.ai.refusal lands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chatsphere.services.types import SearchOutcome


@dataclass(frozen=True, slots=True)
class Decision:
    answer: bool
    probability: float
    features: dict[str, Any]


def decide(question: str, outcome: SearchOutcome, model_id: str | None, min_score: float) -> Decision:
    probability = outcome.statistics.best_coverage if outcome.hits else 0.0
    return Decision(probability >= min_score, probability, {})
