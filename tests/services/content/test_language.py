"""The language of a text: what is surely English needs no model, everything else is looked at as before."""

from __future__ import annotations

import pytest

from chatsphere.services.content import language
from chatsphere.services.content.language import detect_language

ENGLISH = (
    "The customer can return an item within thirty days. You must keep the receipt, which is in the parcel, and send it to the "
    "address that stands on it. There is no charge for this if the item was not used. "
)
GERMAN = "Die Kundin kann die Ware innerhalb von dreißig Tagen zurückgeben und muss dafür den Beleg aufheben. "
TURKISH = "Müşteri ürünü otuz gün içinde iade edebilir ve bunun için fişi saklaması gerekir. "


def test_plain_english_is_told_without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_identifier", lambda: pytest.fail("the model was asked"))
    assert detect_language(ENGLISH * 2) == "en"


@pytest.mark.parametrize(
    ("text", "code"), [(GERMAN * 3, "de"), (TURKISH * 3, "tr"), (ENGLISH, "en"), ("あのね、" * 20, "ja")]
)
def test_other_and_short_texts_are_told_as_well(text: str, code: str) -> None:
    assert detect_language(text) == code


def test_a_few_english_words_do_not_make_a_text_english() -> None:
    assert detect_language(f"{GERMAN * 4} The name of the game. {GERMAN * 4}") == "de"
    assert not language._is_surely_english("ด้วยความยินดี" * 30 + ENGLISH * 2)
