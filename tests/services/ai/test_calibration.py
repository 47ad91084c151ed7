"""Weights of a chatbot's own: fitted, measured on what was not fitted, and careful with few questions."""

from __future__ import annotations

import random

import pytest

from chatsphere.services.ai.calibration import TooFewQuestions, auroc, calibrate, risk_coverage

START = {"intercept": 0.0, "dense": 1.0, "coverage": 1.0}


def world(count: int, *, seed: int = 1) -> tuple[list[dict[str, float]], list[bool]]:
    """Cosines of a model that gives 0.8 to everything: only the hundredths tell."""
    chance = random.Random(seed)
    labels = [place % 2 == 0 for place in range(count)]
    rows = [
        {
            "dense": 0.8 + (0.03 if good else -0.03) + chance.gauss(0, 0.01),
            "coverage": 0.4 + 0.4 * good + chance.gauss(0, 0.1),
        }
        for good in labels
    ]
    return rows, labels


def test_it_learns_where_the_built_in_weights_answer_everything() -> None:
    rows, labels = world(200)
    found = calibrate(rows, labels, START, cut=0.5)
    assert (found.before, found.answerable, found.unanswerable) == (0.5, 100, 100)
    assert found.after > 0.95


def test_what_is_right_already_is_hardly_touched() -> None:
    rows, labels = world(40)
    good = calibrate(rows, labels, START, cut=0.5).weights
    again = calibrate(rows, labels, good, cut=0.5)
    assert again.after >= again.before - 0.05


def test_too_few_questions_are_refused() -> None:
    rows, labels = world(18)
    with pytest.raises(TooFewQuestions):
        calibrate(rows, labels, START, cut=0.5)


def test_auroc_counts_ties_half() -> None:
    assert auroc([0.9, 0.8, 0.1, 0.2], [True, True, False, False]) == 1.0
    assert auroc([0.5, 0.5], [True, False]) == 0.5
    assert auroc([0.1, 0.9], [True, False]) == 0.0


def test_risk_grows_with_coverage_when_the_surest_are_right() -> None:
    curve = risk_coverage([0.9, 0.8, 0.7, 0.6], [True, True, True, False], steps=4)
    assert curve == [(0.25, 0.0), (0.5, 0.0), (0.75, 0.0), (1.0, 0.25)]
