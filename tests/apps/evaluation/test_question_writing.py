"""Questions from passages by rule, and from a model's reply."""

from __future__ import annotations

import pytest

from chatsphere.services.ai.question_writing import read_written, write_questions


@pytest.mark.parametrize(
    ("text", "heading", "language", "question"),
    [
        ("The Blue Card is a permit for people who live abroad.", "Permits", "en", "What is Blue Card?"),
        ("Der Blaue Ausweis ist eine Erlaubnis für Leute im Ausland.", "Ausweise", "de", "Was ist der Blaue Ausweis?"),
        ("La carte bleue est un permis pour les personnes.", "Permis", "fr", "Qu'est-ce que la carte bleue ?"),
        ("How long is it valid?\nIt is valid for ten whole years, then it ends.", "How long is it valid?", "en", "How long is it valid?"),
        ("Send the form to the office before the first of May.", "Sending forms", "en", "What does it say about “Sending forms”?"),
    ],
)  # fmt: skip
def test_a_rule_finds_the_question(text: str, heading: str, language: str, question: str) -> None:
    [first, *_] = write_questions(text, heading_path=[heading], language=language)
    assert first.question == question
    assert first.quote in text


def test_a_sentence_that_points_back_defines_nothing() -> None:
    assert write_questions("It is a permit for people who live abroad.", heading_path=[]) == []


def test_a_models_answer_must_stand_in_the_passage() -> None:
    text = "Spare chargers are kept in locker B-17. The dog sleeps."
    written = read_written("Q: Where are chargers kept?\nA: in locker B-17. [1]", text)
    assert written is not None
    assert (written.answer, written.quote) == ("in locker B-17", "Spare chargers are kept in locker B-17.")
    assert read_written("Q: Where?\nA: in the cellar", text) is None
    assert read_written("Here is a question for you!", text) is None
