from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.calibrate_refusal import logistic_regression
from chatsphere.services.ai.refusal import TEXT_ONLY, WEIGHTS, decide, estimate, measure, weights_for
from chatsphere.services.types import QueryStatistics, SearchHit, SearchOutcome

Passage = Callable[..., SearchHit]
Outcome = Callable[..., SearchOutcome]

MINILM = "local:all-minilm-l6-v2-int8"


@pytest.fixture
def outcome(passage: Passage) -> Outcome:
    def make(
        dense: float | None = 0.6,
        sparse: float = 8.0,
        idf: float = 10.0,
        coverage: float = 0.9,
        terms: int = 4,
        chunks: int = 300,
    ) -> SearchOutcome:
        hits = [
            replace(passage("text", number=n), dense=None if dense is None else dense - n * 0.05, sparse=sparse - n) for n in range(5)
        ]  # fmt: skip
        return SearchOutcome(tuple(hits), QueryStatistics(terms, idf, coverage, chunks))

    return make


def probability(outcome: SearchOutcome, model_id: str | None = MINILM) -> float:
    return decide("question", outcome, model_id=model_id).probability


def test_what_is_found_is_answered_and_what_is_not_is_declined(outcome: Outcome) -> None:
    assert decide("question", outcome(), model_id=MINILM).answer
    assert not decide("question", outcome(dense=0.15, sparse=1.0, coverage=0.1), model_id=MINILM).answer


def test_without_vectors_the_words_decide(outcome: Outcome) -> None:
    assert decide("question", outcome(dense=None), model_id=None).answer
    assert not decide("question", outcome(dense=None, sparse=1.0, coverage=0.1), model_id=None).answer


def test_an_unmeasured_model_is_judged_by_words(outcome: Outcome) -> None:
    assert probability(outcome(), "openai:new") == probability(outcome(dense=None), None)
    assert "dense" in measure(outcome())


def test_where_the_model_does_not_read_the_documents_words_decide(outcome: Outcome) -> None:
    def unread(**figures: float) -> SearchOutcome:
        found = outcome(**figures)
        return SearchOutcome(found.hits, replace(found.statistics, dense_share=0.2))

    assert decide("Frage", unread(dense=0.1), model_id=MINILM).answer
    assert not decide("Frage", unread(dense=0.9, sparse=2.0, coverage=0.2), model_id=MINILM).answer
    assert probability(unread(dense=0.1)) == probability(unread(dense=0.9))


def test_nothing_found_is_declined() -> None:
    empty = SearchOutcome((), QueryStatistics(3, 9.0, 0.0, 0))
    assert not decide("question", empty, model_id=MINILM).answer


def test_an_empty_question_is_declined(outcome: Outcome) -> None:
    assert not decide("  ", outcome(), model_id=MINILM).answer


@pytest.mark.parametrize("model_id", [MINILM, None])
@pytest.mark.parametrize("chunks", [1, 3, 20, 1_000, 100_000])
@pytest.mark.parametrize("terms", [1, 3, 12])
def test_more_support_never_makes_an_answer_less_likely(
    outcome: Outcome, model_id: str | None, chunks: int, terms: int
) -> None:
    base = probability(outcome(0.4, 4.0, coverage=0.5, chunks=chunks, terms=terms), model_id)
    assert probability(outcome(0.5, 4.0, coverage=0.5, chunks=chunks, terms=terms), model_id) >= base
    assert probability(outcome(0.4, 6.0, coverage=0.5, chunks=chunks, terms=terms), model_id) > base
    assert probability(outcome(0.4, 4.0, coverage=0.6, chunks=chunks, terms=terms), model_id) > base


def test_the_chatbot_may_be_bolder_or_more_careful(outcome: Outcome) -> None:
    found = outcome(dense=0.4, sparse=4.0, coverage=0.5)
    between = probability(found)
    assert decide("q", found, model_id=MINILM, min_score=between - 0.01).answer
    assert not decide("q", found, model_id=MINILM, min_score=between + 0.01).answer


def test_a_question_without_words_of_its_own_has_figures(outcome: Outcome) -> None:
    found = outcome(sparse=0.0, idf=0.0, coverage=0.0, terms=0)
    assert 0 <= probability(found) <= 1
    assert measure(found)["sparse"] == 0


def test_every_weight_names_a_figure(outcome: Outcome) -> None:
    names = set(measure(outcome())) | {"intercept"}
    for weights in (*WEIGHTS.values(), TEXT_ONLY):
        assert set(weights) <= names
    assert not set(TEXT_ONLY) & {"dense", "gap", "agree", "dense_size"}


def test_extreme_figures_stay_a_probability() -> None:
    assert estimate({"x": 1e9}, {"intercept": 0.0, "x": 1.0}) == pytest.approx(1.0)
    assert estimate({"x": -1e9}, {"intercept": 0.0, "x": 1.0}) == pytest.approx(0.0)


def test_the_fit_finds_known_weights() -> None:
    import numpy as np

    random = np.random.default_rng(1)
    rows = np.column_stack([random.normal(size=(20_000, 2)), np.ones(20_000)])
    truth = np.array([2.0, -1.0, 0.5])
    labels = (random.random(20_000) < 1 / (1 + np.exp(-rows @ truth))).astype(float)
    np.testing.assert_allclose(logistic_regression(rows, labels, np.ones(20_000)), truth, atol=0.1)


def test_a_part_number_that_no_hit_names_is_declined_whatever_the_figures_say(
    outcome: Outcome, passage: Passage
) -> None:
    found = replace(outcome(), hits=(passage("| VX-1380 | Pump | 162.50 |"),))
    assert decide("What is the price of VX1380?", found, model_id=None).answer
    declined = decide("What is the price of VX-9999?", found, model_id=None)
    assert (declined.answer, declined.missing) == (False, ("VX-9999",))


def test_a_foreign_question_to_an_unmeasured_model_is_judged_by_how_far_the_best_stands_out(outcome: Outcome) -> None:
    def foreign(lead: float) -> SearchOutcome:
        found = outcome(sparse=0.0, coverage=0.0)
        hits = tuple(replace(hit, fused=lead - place) for place, hit in enumerate(found.hits))
        return SearchOutcome(hits, replace(found.statistics, dense_share=1.0))

    assert decide("¿Cuánto cuesta?", foreign(4.0), model_id="openai:text-embedding-3-small").answer
    assert not decide("¿Cuánto cuesta?", foreign(2.0), model_id="openai:text-embedding-3-small").answer
    measured = foreign(4.0)
    assert weights_for("local:multilingual-e5-small-q4", measure(measured)) is WEIGHTS["local:multilingual-e5-small-q4"]
