"""Answer or say "I don't know": decided from the search alone, before any model is called.

A logistic regression over a few figures of the search. Its weights belong to an embedding model, because each spreads its cosines
differently; for a model that was not measured, and for searches by text alone, the weights without cosines are taken. They were
fitted by ``python -m benchmarks.calibrate_refusal``; docs/algorithms/refusal.md says how, and how well they do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from chatsphere.services.ai.identifiers import missing_identifiers
from chatsphere.services.types import SearchHit, SearchOutcome

DEFAULT_MIN_SCORE = 0.5
GAP_RANK = 5
HIGHEST_SPARSE = 3.0
NEAR_BEST_SPARSE = 0.9
LARGEST_MEASURED = 600  # chunks; larger chatbots are judged like this one, since nothing larger was fitted

Features = Mapping[str, float]

TEXT_ONLY: Features = MappingProxyType(
    {
        "intercept": -5.536,
        "sparse": 4.329,
        "coverage": 6.631,
        "coverage_size": -0.631,
        "terms": 3.045,
        "size": -0.503,
    }
)
WEIGHTS: Mapping[str, Features] = MappingProxyType({
    "local:all-minilm-l6-v2-int8": {
        "intercept": -2.802,
        "dense": 3.857,
        "gap": -1.001,
        "agree": 0.811,
        "dense_size": 2.262,
        "sparse": 1.921,
        "coverage": 3.952,
        "coverage_size": -0.013,
        "terms": 0.95,
        "size": -1.469,
    },
    "local:multilingual-e5-small-q4": {  # its cosines lie within a tenth
        "intercept": -32.657,
        "dense": 35.958,
        "gap": 8.688,
        "agree": 0.93,
        "coverage": 1.27,
        "terms": 1.932,
    },
})  # fmt: skip

# For documents in languages that the embedding model does not read: its cosines say nothing there.
UNREAD: Features = MappingProxyType({"intercept": -9.715, "sparse": 9.681, "coverage": 6.686, "terms": 2.33})
# For questions in another language than the documents, with a multilingual model that nobody has measured: words say nothing, and cosines have no
# scale, so it is how far the best one stands out among the candidates', in standard deviations.
FOREIGN: Features = MappingProxyType({"intercept": -7.121, "lead": 2.445})
LEAST_DENSE_SHARE = 0.35  # of a search whose cosines were trusted

WEIGHT_NAMES = frozenset(name for each in (TEXT_ONLY, UNREAD, FOREIGN, *WEIGHTS.values()) for name in each)


@dataclass(frozen=True, slots=True)
class Decision:
    """``answer`` is whether ``probability`` reaches the chatbot's ``min_score``; ``features`` go into the trace. ``missing`` are identifiers
    that the question names and no hit: it is then declined whatever the figures say."""

    answer: bool
    probability: float
    features: Features
    missing: tuple[str, ...] = ()


def decide(
    question: str,
    outcome: SearchOutcome,
    *,
    model_id: str | None,
    min_score: float = DEFAULT_MIN_SCORE,
    weights: Features | None = None,
) -> Decision:
    """Whether the hits can answer the question. ``model_id`` is that of the question's vector, None for a search by text alone;
    ``weights`` are the chatbot's own (``calibration.calibrate``), else those of the model.

    The probability is calibrated so that 0.5 declines about one in twenty answerable questions; it is no share of right answers.
    Without a hit the answer is no. Pure, some microseconds.
    """
    if not question.strip() or not outcome.hits:
        return Decision(answer=False, probability=0.0, features={})
    features = measure(outcome)
    if missing := missing_identifiers(question, outcome.hits):
        return Decision(answer=False, probability=0.0, features=features, missing=missing)
    # Weights of one's own were fitted with vectors; a search that had to do without them is judged by the text's.
    own = weights if weights and ("dense" in features or "dense" not in weights) else None
    probability = estimate(features, own or weights_for(model_id, features))
    return Decision(probability >= min_score, probability, features)


def measure(outcome: SearchOutcome) -> dict[str, float]:
    """The figures that decide; those with a cosine are missing when no hit has one. ``unread`` marks a search whose cosines were hardly
    trusted, because the model does not read the documents' language."""
    statistics = outcome.statistics
    sparse = max((hit.sparse or 0.0 for hit in outcome.hits), default=0.0)
    size = math.log1p(min(statistics.chunks, LARGEST_MEASURED))
    features = {
        "sparse": min(sparse / statistics.idf_total, HIGHEST_SPARSE) if statistics.idf_total else 0.0,
        "coverage": statistics.best_coverage,
        "terms": math.log1p(statistics.query_terms),
        "size": size,
        "coverage_size": statistics.best_coverage * size,
    }
    if 0 < statistics.dense_share < LEAST_DENSE_SHARE:
        return features | {"unread": 1.0}
    if statistics.dense_share >= 1:
        features["lead"] = max((hit.fused for hit in outcome.hits), default=0.0)
    return features | _dense_features(outcome.hits, sparse, size)


def weights_for(model_id: str | None, features: Features) -> Features:
    """Those of the model when it was measured and the hits have cosines that count, else those of the text; of meaning alone where the search
    was by meaning alone."""
    if "unread" in features:
        return UNREAD
    if "dense" not in features:
        return TEXT_ONLY
    return WEIGHTS.get(model_id or "", FOREIGN if "lead" in features else TEXT_ONLY)


def estimate(features: Features, weights: Features) -> float:
    """The logistic function of the weighted figures; figures without a weight do not count."""
    total = weights["intercept"] + sum(weights.get(name, 0.0) * value for name, value in features.items())
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))


def _dense_features(hits: tuple[SearchHit, ...], best_sparse: float, size: float) -> dict[str, float]:
    """The best cosine, its lead over the fifth, and whether the best by meaning is also among the best by words."""
    ranked = sorted((hit for hit in hits if hit.dense is not None), key=_cosine, reverse=True)
    if not ranked:
        return {}
    best = ranked[0]
    fifth = ranked[min(GAP_RANK, len(ranked)) - 1]
    agree = best_sparse > 0 and (best.sparse or 0.0) >= NEAR_BEST_SPARSE * best_sparse
    return {
        "dense": _cosine(best),
        "gap": _cosine(best) - _cosine(fifth),
        "agree": float(agree),
        "dense_size": _cosine(best) * size,
    }


def _cosine(hit: SearchHit) -> float:
    return hit.dense if hit.dense is not None else -1.0
