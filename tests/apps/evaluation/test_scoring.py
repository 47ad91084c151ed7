"""How good an answer is: pure measures."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chatsphere.apps.evaluation.scoring import Expectation, f1_of, grade, score_of, summarise, words
from chatsphere.services.types import SearchHit


def hit(text: str) -> SearchHit:
    return SearchHit(uuid4(), uuid4(), uuid4(), "", "", None, (), text, 0, len(text), None, None, 0.0)


def test_words_of_chinese_are_characters_and_marks_are_no_words() -> None:
    assert words("在图书馆 B-17 [1].") == ["在", "图", "书", "馆", "b", "17"]


def test_f1_counts_each_word_as_often_as_it_stands() -> None:
    assert f1_of(["a", "a", "b"], ["a", "b"]) == pytest.approx(0.8)
    assert f1_of([], ["a"]) == 0.0


def test_an_accepted_answer_must_stand_as_whole_words() -> None:
    wanted = Expectation(must_refuse=False, answers=["17"])
    assert grade(wanted, answer="In locker B-17 [1].", is_refused=False, passages=[]).score == 1.0
    assert grade(wanted, answer="In locker B-170 [1].", is_refused=False, passages=[]).contained is False


def test_a_refusal_is_right_only_where_it_is_wanted() -> None:
    refuse, answer = Expectation(must_refuse=True), Expectation(must_refuse=False, answers=["x"])
    scores = [
        grade(each, answer="", is_refused=refused, passages=[]).score
        for each in (refuse, answer)
        for refused in (True, False)
    ]
    assert scores == [1.0, 0.0, 0.0, 0.0]


def test_the_rank_is_that_of_the_first_expected_passage() -> None:
    passages = [hit("Something else."), hit("The dog is called\nBiscuit and sleeps.")]
    found = grade(
        Expectation(must_refuse=False, passages=[{"quote": "the dog is called Biscuit"}]),
        answer="Biscuit", is_refused=False, passages=passages,
    )  # fmt: skip
    assert (found.rank, found.score, found.has_passages) == (2, 0.5, True)


def test_all_that_a_passage_names_must_fit() -> None:
    passage = hit("The dog is called Biscuit.")
    wanted = {"document_id": str(passage.document_id), "quote": "Rover"}
    found = grade(Expectation(must_refuse=False, passages=[wanted]), answer="x", is_refused=False, passages=[passage])
    assert found.rank is None


def test_without_accepted_answers_nothing_is_fully_right() -> None:
    """Whatever was said: nobody looked at it."""
    passages, nothing = (
        Expectation(must_refuse=False, passages=[{"quote": "The dog is"}]),
        Expectation(must_refuse=False),
    )
    found = [hit("The dog is called Biscuit.")]
    scores = [
        grade(each, answer="Bananas.", is_refused=False, passages=given).score
        for each in (passages, nothing)
        for given in (found, [])
    ]
    assert scores == [0.5, 0.0, 0.5, 0.5]


def test_results_of_earlier_releases_are_scored_by_the_same_rules() -> None:
    row = {"expects": "answer", "contained": None, "is_refused": False, "rank": 1, "has_passages": True, "score": 1.0}
    assert score_of(row) == 0.5
    assert score_of(row | {"contained": True}) == 1.0
    assert score_of(row | {"is_refused": True, "score": 0.0}) == 0.0


def test_a_summary_leaves_out_what_cannot_be_measured() -> None:
    row: dict[str, Any] = {
        "score": 1.0, "rank": 2, "has_passages": True, "is_refused": False, "expects": "answer", "statements": 2,
        "supported": 1, "contained": None, "f1": None, "latency_ms": 10, "prompt_tokens": 1, "completion_tokens": 2,
        "cost_micros": 3,
    }  # fmt: skip
    refused = row | {
        "rank": None, "has_passages": False, "is_refused": True, "expects": "refusal", "statements": 0, "supported": 0,
        "latency_ms": 30,
    }  # fmt: skip
    summary = summarise([row, refused])
    assert (summary["hit_rate"], summary["hit_at_1"], summary["hit_at_3"], summary["mrr"]) == (1.0, 0.0, 1.0, 0.5)
    assert summary["unchecked"] == 1
    assert (summary["refusal_accuracy"], summary["citation_validity"]) == (1.0, 0.5)
    assert (summary["answer_contained"], summary["latency_p50_ms"], summary["latency_p95_ms"]) == (None, 20, 30)
