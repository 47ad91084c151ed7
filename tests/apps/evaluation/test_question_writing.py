"""Questions from passages by rule, and from a model's reply."""

from __future__ import annotations

import pytest

from chatsphere.services.ai.question_rules import write_questions
from chatsphere.services.ai.question_writing import read_written

PRICES = "| Item | Price | Deposit |\n|---|---|---|\n| Tent | 12 euros | 40 euros |\n| Stove | 5 euros | 10 euros |"


@pytest.mark.parametrize(
    ("text", "heading", "language", "question", "answer"),
    [
        ("The Blue Card is a permit for people who live abroad.", "Permits", "en", "What is the Blue Card?", "a permit for people who live abroad"),
        ("Der Blaue Ausweis ist eine Erlaubnis für Leute im Ausland.", "Ausweise", "de", "Was ist der Blaue Ausweis?", "eine Erlaubnis für Leute im Ausland"),
        ("La carte bleue est un permis pour les personnes. ", "Permis", "fr", "Qu'est-ce que la carte bleue ?", "un permis pour les personnes"),
        ("How long is it valid?\nTen years.", "How long is it valid?", "en", "How long is it valid?", "Ten years."),
        ("Send the form to the office before the first of May.", "Sending forms", "en", "What does it say about “Sending forms”?", "Send the form to the office before the first of May."),
        ("Every employee gets 27 days of paid vacation a year.", "", "en", "How many days of paid vacation a year does every employee get?", "27 days"),
        ("A lost library card costs 4.50 euros.", "", "en", "How many euros does a lost library card cost?", "4.50 euros"),
        ("A lost library card costs €4.50 at the desk.", "", "en", "How much does a lost library card cost?", "€4.50"),
        ("Goods can be returned within 30 days of delivery.", "", "en", "Goods can be returned within how many days?", "30 days"),
        ("Refunds arrive within 5 working days.", "", "en", "Refunds arrive within how many working days?", "5 working days"),
        ("Die Frist für Rückgaben beträgt 30 Tage.", "", "de", "Wie viele Tage beträgt die Frist für Rückgaben?", "30 Tage"),
        ("Le délai de retour est de 30 jours.", "", "fr", "De combien de jours est le délai de retour ?", "30 jours"),
        ("El carnet perdido cuesta 4 euros.", "", "es", "¿Qué cantidad de euros cuesta el carnet perdido?", "4 euros"),
        ("Bring these along:\n\n- a passport\n- two photographs\n- the form", "What to bring", "en", "Which points are listed under “What to bring”?", "a passport, two photographs, the form"),
        (PRICES, "Hire", "en", "What is the “Price” of “Tent”?", "12 euros"),
    ],
)  # fmt: skip
def test_a_rule_finds_the_question_and_its_answer(
    text: str, heading: str, language: str, question: str, answer: str
) -> None:
    [first, *_] = write_questions(text, heading_path=[heading], language=language)
    assert (first.question, first.answer) == (question, answer)
    assert first.quote in text


def test_rows_ask_for_one_column_after_the_other() -> None:
    assert [(each.question, each.answer) for each in write_questions(PRICES, heading_path=[])] == [
        ("What is the “Price” of “Tent”?", "12 euros"),
        ("What is the “Deposit” of “Stove”?", "10 euros"),
    ]


def test_one_passage_gives_several_questions_the_clearest_first() -> None:
    text = "A lost card costs 4 euros in total. A Finch Pass is a card that opens the garage. It is green."
    assert [each.question for each in write_questions(text, heading_path=["Cards"])] == [
        "What is a Finch Pass?",
        "How many euros in total does a lost card cost?",
    ]


def test_a_sentence_that_points_back_defines_nothing() -> None:
    assert write_questions("It is a permit for people who live abroad.", heading_path=[]) == []
    assert write_questions("This costs 12 euros for everybody.", heading_path=[]) == []


@pytest.mark.parametrize("text", ["", "Hello.", "| a |", "# Heading", "What?\n", "- one\n- two\n- three"])
def test_little_text_gives_no_question(text: str) -> None:
    assert write_questions(text, heading_path=["What?"] if text.startswith("What") else []) == []


def test_a_models_answer_must_stand_in_the_passage() -> None:
    text = "Spare chargers are kept in locker B-17. The dog sleeps."
    written = read_written("Q: Where are chargers kept?\nA: in locker B-17. [1]", text)
    assert written is not None
    assert (written.answer, written.quote) == ("in locker B-17", "Spare chargers are kept in locker B-17.")
    assert read_written("Q: Where?\nA: in the cellar", text) is None
    assert read_written("Here is a question for you!", text) is None
