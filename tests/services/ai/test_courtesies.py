"""A message that is nothing but polite is known as such, and none that asks for something."""

from __future__ import annotations

import pytest

from chatsphere.services.ai.courtesies import Courtesy, courtesy_of


@pytest.mark.parametrize(
    ("text", "kind", "language"),
    [
        ("Hello!", Courtesy.GREETING, "en"),
        ("hi", Courtesy.GREETING, "en"),
        ("HEY THERE 👋", Courtesy.GREETING, "en"),
        ("Good morning, everyone", Courtesy.GREETING, "en"),
        ("thanks!", Courtesy.THANKS, "en"),
        ("Ok great, thank you very much for your help :)", Courtesy.THANKS, "en"),
        ("thank you very much, that helped", Courtesy.THANKS, "en"),
        ("Thanks, bye!", Courtesy.FAREWELL, "en"),
        ("Guten Tag", Courtesy.GREETING, "de"),
        ("Danke schön!", Courtesy.THANKS, "de"),
        ("Super, vielen Dank für die Hilfe und schönen Tag noch", Courtesy.FAREWELL, "de"),
        ("Merci beaucoup !", Courtesy.THANKS, "fr"),
        ("¡Hola! ¿Qué tal?", Courtesy.GREETING, "es"),
        ("Grazie mille", Courtesy.THANKS, "it"),
        ("Muito obrigada", Courtesy.THANKS, "pt"),
        ("Dank je wel", Courtesy.THANKS, "nl"),
        ("Dzień dobry", Courtesy.GREETING, "pl"),
        ("Teşekkürler", Courtesy.THANKS, "tr"),
        ("Здравствуйте!", Courtesy.GREETING, "ru"),
        ("Дякую!", Courtesy.THANKS, "uk"),
        ("شكرا جزيلا", Courtesy.THANKS, "ar"),
        ("नमस्ते", Courtesy.GREETING, "hi"),
        ("你好，谢谢！", Courtesy.THANKS, "zh"),
        ("ありがとうございます。", Courtesy.THANKS, "ja"),
        ("안녕하세요?", Courtesy.GREETING, "ko"),
    ],
)
def test_mere_courtesies_are_known_in_each_language(text: str, kind: Courtesy, language: str) -> None:
    assert courtesy_of(text) == (kind, language)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "ok",
        "great",
        "Hello, how long do refunds take?",
        "thanks for nothing, where is my order",
        "Thanks for the Feedback",
        "hi fi systems",
        "Can I say bye to my subscription?",
        "Hallo, was kostet der Versand?",
        "Danke, aber die Maschine geht nicht",
        "你好吗",
        "感谢信怎么写",
        "ありがとうカードの値段は",
        "team",
        "all",
        "hello " * 40,
    ],
)
def test_whoever_says_more_is_not_merely_polite(text: str) -> None:
    assert courtesy_of(text) is None
