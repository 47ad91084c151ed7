"""How much cosines count beside words."""

from __future__ import annotations

import pytest

from chatsphere.services.vector_store.questions import dense_share_of, without_function_words

MINILM = "local:all-minilm-l6-v2-int8"


@pytest.mark.parametrize(
    ("model", "languages", "share"),
    [
        (MINILM, {"en": 10}, 0.5),
        (MINILM, {"en-GB": 5, "": 5}, 0.5),
        (MINILM, {"de": 10}, 0.2),
        (MINILM, {"de": 5, "en": 5}, 0.35),
        (MINILM, {}, 0.5),
        (MINILM, {"de": 3, "en": -3}, 0.5),  # statistics that lag behind
        ("openai:text-embedding-3-small", {"de": 10}, 0.5),
    ],
)
def test_cosines_count_less_in_languages_that_the_model_does_not_read(
    model: str, languages: dict[str, int], share: float
) -> None:
    assert dense_share_of(model, languages) == pytest.approx(share)


@pytest.mark.parametrize(
    ("language", "question", "kept"),
    [
        ("de", "Wie hoch ist die Mahngebühr?", "Mahngebühr?"),
        ("de", "Wie lange habe ich ein Rückgaberecht?", "Rückgaberecht?"),
        ("de", "Welche Zahlungsarten gibt es?", "Zahlungsarten"),
        ("de", "Wann bekomme ich mein Geld zurück?", "Geld zurück?"),
        ("de", "Kann ich mehrere Gutscheine einlösen?", "Gutscheine einlösen?"),
        ("de", "Ist das Haus hoch?", "Haus hoch?"),  # a measure only behind "wie"
        ("en", "How often are keys rotated?", "keys rotated?"),
        ("en", "How much does Team cost?", "Team cost?"),
        ("en", "Why don’t you ship to Norway?", "ship Norway?"),
        ("en", "Is there a long table?", "long table?"),
        ("en-GB", "wich plans do you have?", "plans"),
        ("fr", "Combien coûte la livraison ?", "coûte livraison ?"),
        ("fr", "Quel temps faut-il pour la livraison ?", "livraison ?"),
        ("es", "¿Cuánto tiempo tarda el envío?", "tarda envío?"),
        ("it", "Quanto costa la spedizione?", "costa spedizione?"),
        ("pt", "Quanto tempo demora a entrega?", "demora entrega?"),
        ("nl", "Hoe lang duurt de levering?", "duurt levering?"),
        ("pl", "Ile kosztuje dostawa?", "kosztuje dostawa?"),
        ("ru", "Сколько стоит доставка?", "стоит доставка?"),
        ("sv", "Hur lång tid tar leveransen?", "tid tar leveransen?"),
        ("de", "Was gibt es?", "Was gibt es?"),  # nothing else in it
    ],
)
def test_what_merely_asks_is_left_out(language: str, question: str, kept: str) -> None:
    assert without_function_words(question, [language]) == kept


def test_a_question_to_documents_of_no_known_language_shows_its_own() -> None:
    assert without_function_words("How many delivery days for VX-1695?", [""]) == "delivery days VX-1695?"
    assert without_function_words("Wie viel kostet das Ventil VX-1695?", [""]) == "kostet Ventil VX-1695?"
    assert without_function_words("VX-1695 Pump 90", [""]) == "VX-1695 Pump 90"
