"""The wish for a person: heard where it is plain, not where somebody merely speaks of persons."""

from __future__ import annotations

import pytest

from chatsphere.services.ai.person_wish import LANGUAGES, agrees, wish_language

WISHES = {
    "en": (
        "I want to talk to a human being please", "Can I speak to a real person?", "agent please", "Human!", "connect me with an agent",
        "I'd like to chat with someone from support", "Please let me talk to your customer service.", "I need a human",
        "How can I speak with a representative about my invoice?", "Talk to a person",
    ),
    "de": (
        "Ich möchte mit einem Menschen sprechen", "Kann ich bitte mit einem Mitarbeiter reden?", "Mensch bitte!", "Bitte verbinden Sie mich mit einem Berater",
        "Ich will einen Mitarbeiter sprechen", "kann ich mit jemandem sprechen",
    ),
    "fr": ("Je voudrais parler à une vraie personne", "Puis-je parler avec un conseiller ?", "Passez-moi un conseiller", "Un humain, s'il vous plaît"),
    "es": ("Quiero hablar con una persona", "¿Puedo hablar con un agente?", "Páseme con un humano, por favor"),
    "it": ("Vorrei parlare con una persona", "Posso parlare con un operatore?", "operatore"),
    "pt": ("Quero falar com um atendente", "Gostaria de falar com uma pessoa", "Atendente, por favor"),
    "nl": ("Ik wil met een medewerker spreken", "Kan ik met een echt mens praten?", "medewerker graag"),
    "pl": ("Chcę porozmawiać z człowiekiem", "Proszę połączyć mnie z konsultantem", "Konsultant"),
    "tr": ("Bir insanla konuşmak istiyorum", "Müşteri temsilcisine bağlanmak istiyorum", "temsilci lütfen"),
    "ru": ("Хочу поговорить с человеком", "Соедините меня с оператором", "оператор"),
    "uk": ("Хочу поговорити з людиною", "З'єднайте мене з оператором", "оператора, будь ласка"),
    "ar": ("أريد التحدث مع شخص", "أود التحدث إلى موظف", "حولني إلى موظف"),
    "hi": ("मैं किसी इंसान से बात करना चाहता हूँ", "क्या मैं एजेंट से बात कर सकता हूँ?"),
    "zh": ("转人工", "我想和真人说话", "请帮我找人工客服", "人工客服"),
    "ja": ("人間と話したいです", "オペレーターにつないでください", "担当者と話せますか"),
    "ko": ("사람과 이야기하고 싶어요", "상담원 연결해 주세요"),
}  # fmt: skip
QUESTIONS = (
    "Does a person read my application?",
    "How many persons may share one account?",
    "Which agent handles deliveries in France?",
    "What does a representative cost?",
    "How do I connect my phone to the agent app?",
    "Who may sign for a person under age?",
    "Can I give someone else my ticket?",
    "Do human resources keep my documents?",
    "What is the price per person?",
    "I want a refund for two people",
    "Wie viele Menschen arbeiten bei Ihnen?",
    "Was kostet ein Mitarbeiterausweis?",
    "Welche Personen dürfen mitreisen?",
    "Combien coûte l'entrée par personne ?",
    "¿Cuántas personas trabajan en la empresa?",
    "Quante persone possono usare il biglietto?",
    "人工智能可以做什么?",
    "人工服务费是多少",
    "这个人的电话是多少",
    "この商品は何人で使えますか",
    "직원 할인은 몇 퍼센트인가요?",
    "Сколько человек в команде?",
    "Where is the operator manual?",
    "The agent did not answer my mail, where is my parcel?",
)


@pytest.mark.parametrize(("language", "text"), [(code, text) for code, texts in WISHES.items() for text in texts])
def test_a_plain_wish_is_heard_in_its_language(language: str, text: str) -> None:
    assert wish_language(text) == language


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_about_persons_is_no_wish(text: str) -> None:
    assert wish_language(text) == ""


def test_long_messages_are_questions_of_their_own() -> None:
    assert (
        wish_language("I want to talk to a human. " + "My parcel has not arrived and I have waited for it. " * 4) == ""
    )


def test_every_language_has_its_wishes_here() -> None:
    assert set(WISHES) == set(LANGUAGES)


@pytest.mark.parametrize(
    "text",
    [
        "Yes",
        "yes, please!",
        "Ja gerne.",
        "Oui, s'il vous plaît",
        "sí",
        "Да!",
        "はい、お願いします",
        "네",
        "好的。",
        "हाँ",
    ],
)
def test_a_plain_yes_is_one(text: str) -> None:
    assert agrees(text)


@pytest.mark.parametrize("text", ["no", "yes, but where is my parcel?", "Nein", "What does yes mean?", "", "…"])
def test_anything_else_is_none(text: str) -> None:
    assert not agrees(text)
