"""Weights of the refusal for one chatbot, from its own questions with known outcome.

Few questions cannot carry ten weights, so what is fitted is a correction of the weights in use: a logistic regression that pays for
every step away from them. With few questions little changes but the cut; with many, the questions decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from chatsphere.services.ai.refusal import Features, estimate

Floats = npt.NDArray[np.float64]

LEAST_EACH: Final = 10  # questions of either kind
STIFFNESS: Final = 8.0  # what a step of one in a weight costs, in questions
FOLDS: Final = 5
ROUNDS: Final = 50


@dataclass(frozen=True, slots=True)
class Calibration:
    """``weights`` are for a ``min_score`` of 0.5. Accuracies are balanced between both kinds; ``after`` is measured on questions that the
    weights of the measurement had not seen (five-fold)."""

    weights: Mapping[str, float]
    before: float
    after: float
    answerable: int
    unanswerable: int


class TooFewQuestions(ValueError):
    """Each kind needs at least LEAST_EACH questions."""


def calibrate(rows: Sequence[Features], is_answerable: Sequence[bool], start: Features, *, cut: float) -> Calibration:
    """Fit on the figures of searches (``refusal.measure``) and whether each question has an answer. ``start`` are the weights in use and
    ``cut`` the ``min_score`` they are used with. Raises TooFewQuestions. Some milliseconds for a thousand questions."""
    labels = np.array(is_answerable, dtype=np.float64)
    if min(labels.sum(), len(labels) - labels.sum()) < LEAST_EACH:
        raise TooFewQuestions
    folds = _folds(labels)
    held_out = np.zeros(len(labels))
    for fold in range(FOLDS):
        seen = [place for place in range(len(labels)) if folds[place] != fold]
        weights = _fit([rows[place] for place in seen], labels[seen], start)
        for place in np.flatnonzero(folds == fold).tolist():
            held_out[place] = estimate(rows[place], weights)
    before = np.array([estimate(row, start) for row in rows])
    return Calibration(
        weights={name: round(value, 4) for name, value in _fit(rows, labels, start).items()},
        before=balanced_accuracy(before, labels, cut),
        after=balanced_accuracy(held_out, labels, 0.5),
        answerable=int(labels.sum()),
        unanswerable=int(len(labels) - labels.sum()),
    )


def balanced_accuracy(chances: Floats, labels: Floats, cut: float) -> float:
    """Mean of the shares that are right among the answerable and among the others."""
    right = (chances >= cut) == (labels > 0)
    return round(float(right[labels > 0].mean() + right[labels == 0].mean()) / 2, 4)


def risk_coverage(chances: Sequence[float], is_right: Sequence[bool], *, steps: int = 10) -> list[tuple[float, float]]:
    """Coverage and risk when only the surest questions are answered: for each tenth of coverage the share of wrong answers among them."""
    order = np.argsort(-np.array(chances), kind="stable")
    wrong = ~np.array(is_right, dtype=bool)[order]
    counts = [max(1, round(len(order) * step / steps)) for step in range(1, steps + 1)]
    return [(round(count / len(order), 4), round(float(wrong[:count].mean()), 4)) for count in counts]


def auroc(chances: Sequence[float], labels: Sequence[bool]) -> float:
    """How often an answerable question is held for surer than another one; ties count half."""
    values, good = np.array(chances, dtype=np.float64), np.array(labels, dtype=bool)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives, negatives = int(good.sum()), int((~good).sum())
    if not positives or not negatives:
        return float("nan")
    return float((ranks[good].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _folds(labels: Floats) -> npt.NDArray[np.int64]:
    """Each kind is dealt out in turn, so that every fold has both."""
    folds = np.zeros(len(labels), dtype=np.int64)
    for kind in (0.0, 1.0):
        places = np.flatnonzero(labels == kind)
        folds[places] = np.arange(len(places)) % FOLDS
    return folds


def _fit(rows: Sequence[Features], labels: Floats, start: Features) -> dict[str, float]:
    """Newton's method on the correction; both kinds weigh the same."""
    names = [name for name in start if name != "intercept"]
    figures = np.array([[*(row.get(name, 0.0) for name in names), 1.0] for row in rows])
    base = figures @ np.array([*(start[name] for name in names), start["intercept"]])
    shares = np.where(labels > 0, len(labels) / (2 * labels.sum()), len(labels) / (2 * (len(labels) - labels.sum())))
    stiffness = np.full(figures.shape[1], STIFFNESS)
    stiffness[-1] = STIFFNESS / 20  # the cut may move
    step_to = np.zeros(figures.shape[1])
    for _ in range(ROUNDS):
        chances = 1 / (1 + np.exp(-np.clip(base + figures @ step_to, -50, 50)))
        slope = figures.T @ (shares * (chances - labels)) + stiffness * step_to
        curve = (figures * (shares * chances * (1 - chances))[:, None]).T @ figures + np.diag(stiffness)
        step = np.linalg.solve(curve, slope)
        step_to -= step
        if np.abs(step).max() < 1e-8:
            break
    corrected = dict(zip([*names, "intercept"], step_to.tolist(), strict=True))
    return {name: start[name] + corrected[name] for name in start}
