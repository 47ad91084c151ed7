"""Which statements of an answer its passages bear out: the golden set, and the rules one by one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chatsphere.services.ai.answer_check import is_foreign
from chatsphere.services.ai.citations import scan_answer
from chatsphere.services.ai.facts import facts_of, figures_of
from chatsphere.services.ai.negation import clauses_of, negations, read_clause
from chatsphere.services.ai.statements import Role, is_admission, is_courtesy, statements_of
from tests.services.ai.checked_answers import HELD_OUT, TUNED, Checked, passages_of


def flagged(case: Checked, language: str) -> tuple[str, ...]:
    return scan_answer(case.answer, passages_of(case), language=language)[1].ungrounded


def is_exact(case: Checked, found: Sequence[str]) -> bool:
    """All that is wrong was found and nothing else."""
    return all(any(piece in each for each in found) for piece in case.wrong) and all(
        any(piece in each for piece in case.wrong) for each in found
    )


@pytest.mark.parametrize("case", TUNED, ids=lambda case: f"{case.kind}: {case.answer[:40]}")
def test_what_is_wrong_is_named_and_nothing_else(case: Checked) -> None:
    assert is_exact(case, flagged(case, case.language))
    assert is_exact(case, flagged(case, ""))  # a chatbot without a language


def test_answers_that_the_rules_were_not_made_for_are_judged_nearly_as_well() -> None:
    found = [bool(flagged(case, case.language)) for case in HELD_OUT]
    right = sum(is_found and bool(case.wrong) for case, is_found in zip(HELD_OUT, found, strict=True))
    assert right / sum(found) >= 0.95
    assert right / sum(bool(case.wrong) for case in HELD_OUT) >= 0.95


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("Hello, happy to help!", Role.NOTHING),
        ("Let me know if you need anything else.", Role.NOTHING),
        ("您好！", Role.NOTHING),
        ("The sources do not say when it opens.", Role.NOTHING),
        ("In den Quellen steht dazu nichts.", Role.NOTHING),
        ("Do you mean the large one?", Role.LEAD_IN),
        ("These browsers run:", Role.LEAD_IN),
        ("Yes.", Role.POLAR),
        ("是的。", Role.POLAR),
        ("It is free.", Role.STATEMENT),
        ("Did you know that you get 500 euros?", Role.STATEMENT),
        ("You get these 20 gifts:", Role.STATEMENT),
        ("They do not say it, but every customer gets a car.", Role.STATEMENT),
        ("# Every customer gets 500 euros", Role.STATEMENT),
    ],
)
def test_what_states_something(text: str, role: Role) -> None:
    assert [each.role for each in statements_of(text, "en")] == [role]


@pytest.mark.parametrize(
    "text", ["Do not send documents by mail.", "You cannot edit the text.", "Refunds need no source."]
)
def test_a_rule_about_documents_admits_nothing(text: str) -> None:
    assert not is_admission(text)


def test_a_courtesy_that_says_something_is_none() -> None:
    assert is_courtesy("Please feel free to contact our support team.")
    assert not is_courtesy("Of course it is free.")


@pytest.mark.parametrize(
    ("text", "language", "is_negative"),
    [
        ("It is not supported", "en", True),
        ("It isn't supported", "en", True),
        ("It is unsupported", "en", True),
        ("It is not excluded", "en", False),
        ("Not only cats are supported", "en", False),
        ("Gutscheine werden nicht ausgezahlt", "de", True),
        ("Er ist vom Umtausch nicht ausgeschlossen", "de", False),
        ("Nous ne livrons pas", "fr", True),
        ("No aceptamos cheques", "es", True),
        ("O livro está no cofre", "pt", False),
        ("不支持退货", "zh", True),
        ("不仅支持退货", "zh", False),
        ("配送はできません", "ja", True),
        ("Мы не принимаем чеки", "ru", True),
    ],
)
def test_negative_clauses(text: str, language: str, is_negative: bool) -> None:
    assert read_clause(text, language).is_negative is is_negative


def test_clauses_end_at_but_and_an_enumeration_stays_whole() -> None:
    assert clauses_of("Chrome runs, but Opera does not; ask us") == ["Chrome runs", "but Opera does not", "ask us"]
    assert clauses_of("Cups, plates, and all the other glasses cannot be returned") == [
        "Cups, plates, and all the other glasses cannot be returned"
    ]


def test_negations_of_two_questions_can_be_compared() -> None:
    assert negations("How do I not return it?") != negations("How do I return it?")


def test_facts_are_compared_by_value() -> None:
    facts = facts_of("The TH-100-EU costs 1,299.50 € for three days in Vienna", "en")
    assert [(fact.kind, fact.value) for fact in facts] == [
        ("identifier", "th100eu"),
        ("figure", "1299.5"),
        ("figure", "3"),
        ("name", "vienna"),
    ]
    assert {"9", "17", "35.5"} <= figures_of("9:00 to 5 pm, 35,50 €")
    assert [fact.value for fact in facts_of("Die Kosten von Peter Müller trägt der Kunde", "de")] == ["müller"]


def test_another_language_is_seen_by_its_function_words_or_letters() -> None:
    assert is_foreign("Der Browser wird nicht unterstützt", "The browser is not supported by the app")
    assert is_foreign("不支持该浏览器", "The browser is not supported by the app")
    assert is_foreign("Rückerstattungen dauern fünf bis sieben Werktage", "It takes five to seven working days")
    assert not is_foreign("Chrome 120", "The browser is not supported by the app")
