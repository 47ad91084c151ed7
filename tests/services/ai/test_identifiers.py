"""Codes and part numbers of a question."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chatsphere.services.ai.identifiers import holds, identifiers_in, missing_identifiers
from chatsphere.services.types import SearchHit

Passage = Callable[..., SearchHit]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("What is the price of VX-9999?", ("VX-9999",)),
        ("th-200-eu or TH200EU?", ("th-200-eu", "TH200EU")),
        ("Was bedeutet der E14-Fehler?", ("E14",)),
        ("What does error E31 mean?", ("E31",)),
        ("Is ISO-27001 met, and RFC2119?", ("ISO-27001", "RFC2119")),
        ("Is v2.10 out?", ("v2.10",)),
        ("What costs 10GB for 30 days, 24/7, on the 2nd?", ()),
        ("Does it cost €10 or 12.50 EUR in 2026?", ()),
        ("Write to a1@example.com or see https://example.com/v2/things", ()),
        ("How do I pair the Hub?", ()),
    ],
)
def test_identifiers_are_letters_followed_by_figures(question: str, found: tuple[str, ...]) -> None:
    assert identifiers_in(question) == found


@pytest.mark.parametrize(
    ("text", "identifier", "is_held"),
    [
        ("| TH-200-EU | CO2 |", "TH200EU", True),
        ("the th 200 eu", "TH-200-EU", True),
        ("TH-200-EU", "TH-200", True),
        ("TH-200-EU", "TH-300-EU", False),
        ("VX-99990", "VX-9999", False),
        ("AVX-9999", "VX-9999", False),
        ("Needs Windows 11.", "Windows11", True),
    ],
)
def test_an_identifier_is_known_however_its_parts_are_joined(text: str, identifier: str, is_held: bool) -> None:
    assert holds(text, identifier) is is_held


def test_what_no_hit_names_is_missing(passage: Passage) -> None:
    hits = [passage("| VX-1380 | Pump |"), passage("Restart.", title="Error E31")]
    assert missing_identifiers("Price of VX-1380, VX-9999 and E31?", hits) == ("VX-9999",)
    assert missing_identifiers("Is it an A4 page?", hits) == ()


@pytest.mark.parametrize(
    "question",
    [
        "How long do refunds take? My IBAN is DE89370400440532013000.",
        "My key sk-abcdefghijklmnopqrstuvwx123456 does not work",
        "I am waiting for my order AB-12345, how long does delivery take?",
        "Where is order no. ORD99321?",
        "Wie lange dauert es? Bestellnummer: AB12345",
        "Meine Rechnung RE-2026-0815 stimmt nicht",
    ],
)
def test_what_is_the_visitors_own_no_document_has_to_name(question: str, passage: Passage) -> None:
    assert missing_identifiers(question, [passage("Refunds take five days.")]) == ()


def test_what_stands_beside_it_has_to_be_named(passage: Passage) -> None:
    hits = [passage("Refunds take five days.")]
    assert missing_identifiers("In my order AB-12345 the part VX-9999 is missing", hits) == ("VX-9999",)
    for question in ("Can I order VX-9999?", "Was kostet Artikelnummer VX-9999?", "Ich möchte VX-9999 bestellen"):
        assert missing_identifiers(question, hits) == ("VX-9999",)
