"""What can be told without a database: follow-ups, passages, origins, prices, admissions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from chatsphere.apps.conversations.prices import cost_micros
from chatsphere.apps.conversations.rewrite import leans, points_back, search_text
from chatsphere.apps.conversations.speaking import admits_ignorance
from chatsphere.services.types import SearchHit, TokenUsage, Turn

HISTORY = (
    Turn("user", "How long does shipping to Norway take?"),
    Turn("assistant", "Five days [1]."),
)


def test_a_question_of_its_own_is_searched_as_it_is() -> None:
    question = "Which documents do I need for a refund of my hotel booking?"
    assert search_text(question, HISTORY) == question
    assert search_text("And then?", ()) == "And then?"


@pytest.mark.parametrize(
    "question", ["What does it cost?", "And to Sweden?", "Why?", "Was kostet das?", "Et pour eux ?"]
)
def test_a_question_that_points_back_gets_the_subject(question: str) -> None:
    found = search_text(question, HISTORY)
    assert found.startswith(question)
    assert {"shipping", "Norway"} <= set(found.split())
    assert "How" not in found.split()


def test_the_newest_subject_comes_first_and_no_word_twice() -> None:
    history = (Turn("user", "Tell me about chargers"), Turn("user", "Where are lockers and chargers?"))
    words = search_text("And it?", history).split()
    assert words.index("lockers") < words.index("Tell")
    assert words.count("chargers") == 1


def test_long_questions_do_not_lean() -> None:
    assert not leans("Which countries does the express parcel service deliver to on Saturdays?")


@pytest.mark.parametrize(
    "question",
    [
        "Where are the spare chargers kept?",
        "Opening hours?",
        "What is WPA3?",
        "Is there a discount for students?",
        "How did the Normans keep their identity?",
        "Is it possible to pay by card?",
        "Wie hoch ist die Mahngebühr?",
        "Gibt es einen Rabatt?",
        "¿Cuánto cuesta la tarifa grande?",
        "Quel est le prix du billet ?",
        "保修期是多久？",
    ],
)
def test_what_stands_alone_does_not_point_back(question: str) -> None:
    assert not points_back(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is WPA3?",
        "Wie hoch ist die Mahngebühr?",
        "保修期是多久？",
    ],
)
def test_what_an_identifier_or_a_noun_is_about_needs_no_earlier_words(question: str) -> None:
    assert not leans(question)


@pytest.mark.parametrize(
    "question",
    [
        "How long does it take?",
        "And the price?",
        "How much?",
        "Wie lange dauert das?",
        "Where can I buy one?",
        "它多重？",
    ],
)
def test_what_points_back_leans(question: str) -> None:
    assert points_back(question)
    assert leans(question)


def test_a_greeting_is_no_subject() -> None:
    history = (Turn("user", "hello orange"), Turn("assistant", "Hello!"))
    assert search_text("what is its weight?", history) == "what is its weight?"
    assert "TH-200" in search_text("what is its weight?", (Turn("user", "Tell me about the TH-200"), *history))


@pytest.mark.parametrize(
    "text",
    [
        "The sources do not say how much it costs.",
        "I could not find this in the documents.",
        "The provided information does not mention parking.",
        "In den Quellen steht dazu nichts, es gibt keine Angaben.",
        "Les sources ne le disent pas.",
        "",
    ],
)
def test_an_admission_is_recognised(text: str) -> None:
    assert admits_ignorance(text)


@pytest.mark.parametrize(
    "text", ["You can park in the yard.", "It does not cost anything.", "No, dogs may not come in."]
)
def test_an_answer_is_no_admission(text: str) -> None:
    assert not admits_ignorance(text)


def hit(document: UUID, text: str) -> SearchHit:
    return SearchHit(uuid4(), document, uuid4(), "T", "", None, (), text, 0, len(text), None, 1.0, 1.0)


def test_at_most_three_passages_of_a_document_none_twice_all_within_the_budget(settings: Any) -> None:
    from chatsphere.apps.conversations.retrieval import choose

    one, two = uuid4(), uuid4()
    hits = [hit(one, f"a{n}") for n in range(5)] + [hit(two, "a0"), hit(two, "x" * 5000), hit(two, "b")]
    assert [h.text for h in choose(hits, 6)] == ["a0", "a1", "a2", "b"]
    assert [h.text for h in choose(hits, 2)] == ["a0", "a1"]
    assert len(choose([hit(two, "x" * 5000)], 6)) == 1


def test_two_searches_become_one_list_by_their_mean_scores() -> None:
    from chatsphere.apps.conversations.retrieval import merge

    a, b, c = (replace(hit(uuid4(), name), fused=0.0) for name in "abc")
    first = [replace(a, fused=2.0), replace(b, fused=1.0)]
    second = [replace(b, fused=3.0), replace(c, fused=-1.0)]
    assert [(h.text, h.fused) for h in merge(first, second)] == [("b", 2.0), ("a", 0.5), ("c", 0.0)]
    assert merge(first) == tuple(first)
    assert merge(first, []) == tuple(first)
    assert merge([], []) == ()


@pytest.mark.parametrize(
    ("origin", "allowed", "expected"),
    [
        ("https://example.com", "https://example.com", True),
        ("https://shop.example.com", "https://*.example.com", True),
        ("https://example.com", "https://*.example.com", False),
        ("http://shop.example.com", "https://*.example.com", False),
        ("https://evilexample.com", "https://*.example.com", False),
        ("https://shop.example.com.evil.com", "https://*.example.com", False),
        ("", "https://example.com", False),
        ("http://localhost:3000", "http://localhost:3000", True),
        ("http://localhost:3001", "http://localhost:3000", False),
    ],
)
def test_origins_are_compared_whole(origin: str, allowed: str, expected: bool) -> None:
    from chatsphere.apps.conversations.origins import is_allowed

    assert is_allowed(origin, allowed) is expected


def test_money_is_counted_in_micro_units(settings: Any) -> None:
    settings.MODEL_PRICES = '{"openai:m": {"prompt": 400000, "completion": 1600000, "currency": "EUR"}}'
    assert cost_micros("openai:m", TokenUsage(1000, 500)) == (1200, "EUR")
    assert cost_micros("openai:other", TokenUsage(1000, 500)) == (0, "USD")
