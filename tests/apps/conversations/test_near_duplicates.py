"""A passage that says nearly the same as a better one takes no place in the prompt."""

from __future__ import annotations

from uuid import UUID

from chatsphere.apps.conversations.retrieval import choose
from chatsphere.services.types import SearchHit

RULE = (
    "Employees who travel for the company are paid back what they spent on trains, rooms and meals within thirty days of handing in"
    " their receipts at the counter of the accounting office on the second floor of the main building."
)


def hit(number: int, text: str) -> SearchHit:
    one = UUID(int=number)
    return SearchHit(one, one, one, "", "", None, (), text, 0, len(text), 0.5, 1.0, 1.0 / number)


def texts(*given: str) -> list[str]:
    return [each.text for each in choose([hit(number, text) for number, text in enumerate(given, start=1)], 6)]


def test_a_text_that_differs_in_its_last_word_is_shown_once() -> None:
    assert texts(RULE, RULE.replace("building.", "house."), "Bread is baked at six.") == [
        RULE,
        "Bread is baked at six.",
    ]


def test_case_and_spaces_do_not_make_another_text() -> None:
    assert texts(RULE, RULE.upper().replace(" ", "  ")) == [RULE]


def test_another_number_in_a_short_text_makes_a_difference() -> None:
    prices = ["A day ticket costs 4 euros.", "A day ticket costs 9 euros.", "A week ticket costs 20 euros."]
    assert texts(*prices) == prices


def test_texts_without_spaces_are_compared_by_their_characters() -> None:
    rule = "出張の費用は領収書を提出してから三十日以内に払い戻されます。経理課は本館の二階にあります。"
    assert texts(rule, rule + "。", "駐車場は無料です。") == [rule, "駐車場は無料です。"]


def test_some_shared_words_are_no_duplicate() -> None:
    other = RULE.replace("thirty days", "ninety days").replace(
        "trains, rooms and meals", "books, courses and examinations"
    )
    assert texts(RULE, other) == [RULE, other]
