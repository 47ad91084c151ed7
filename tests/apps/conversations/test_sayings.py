"""What the platform says to visitors, in whose language."""

from __future__ import annotations

import re
from dataclasses import astuple, fields
from typing import Any

import pytest

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.apps.conversations import sayings
from chatsphere.apps.conversations.sentences import SENTENCES, Sentences
from chatsphere.services.ai.person_wish import LANGUAGES, agrees
from tests.apps.conversations.world import Caller, ScriptedModel, change, parse, read_all

WANTED = {"en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr", "ru", "uk", "ar", "hi", "zh", "ja", "ko"}
UNANSWERABLE = "Which river flows through Vientiane?"


def test_the_common_languages_are_there_and_wishes_are_heard_in_all_of_them() -> None:
    assert set(SENTENCES) == WANTED == set(LANGUAGES)


@pytest.mark.parametrize("language", SENTENCES)
def test_each_language_has_each_sentence_in_its_own_words(language: str) -> None:
    own = SENTENCES[language]
    for each in fields(Sentences):
        text = getattr(own, each.name)
        same = [other for other, its in SENTENCES.items() if other != language and getattr(its, each.name) == text]
        assert len(text) > 5, each.name
        assert same == [], each.name
        assert re.findall(r"{\w*}", text) == (["{names}"] if each.name == "missing" else []), each.name
        assert not re.search(r"%|\s{2}", text), each.name
    assert len(set(astuple(own))) == len(fields(Sentences))
    assert own.unconfirmed[0] in "(（"


@pytest.mark.parametrize("language", SENTENCES)
def test_the_word_that_an_offer_asks_for_accepts_it(language: str) -> None:
    [word] = re.findall(r"[“„«»「\"]\s*(.+?)\s*[”“»«」\"]", SENTENCES[language].offer)
    assert agrees(word), word


@pytest.mark.parametrize(
    ("language", "question", "spoken"),
    [
        ("de", "", "de"),
        ("de-AT", "Which river flows through Vientiane?", "de"),
        ("pt-BR", "", "pt"),
        ("zh-Hant", "", "zh"),
        ("sv", "Wo finde ich die Rechnung für meine letzte Bestellung?", "en"),  # none of ours: not the reader's guess
        ("", "Wo finde ich die Rechnung für meine letzte Bestellung?", "de"),
        ("", "Où puis-je trouver la facture de ma dernière commande ?", "fr"),
        ("", "注文の請求書はどこで見られますか", "ja"),
        ("", "Як довго я можу повертати товар, який купив?", "uk"),
        ("", "ok?", "en"),
    ],
)
def test_the_chatbots_language_counts_then_that_of_the_question(language: str, question: str, spoken: str) -> None:
    assert sayings.language_of(language, question) == spoken


def test_what_no_document_names_is_named() -> None:
    german = sayings.refusal(Configuration(language="de"), missing=["VX-9999", "E42{0}"])
    assert german == "In den Dokumenten, die ich kenne, kommt VX-9999, E42{0} nicht vor."


def test_the_chatbots_own_words_come_first() -> None:
    own = Configuration(language="de", refusal_message="Frag Ada.", blocked_message="Nein.")
    assert (sayings.refusal(own), sayings.blocked_notice(own)) == ("Frag Ada.", "Nein.")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", ["de", "tr", "ja"])
async def test_a_chatbot_declines_in_its_language(
    caller: Caller, chatbot: Any, model: ScriptedModel, language: str
) -> None:
    await change(chatbot, configuration={"language": language, "min_score": 1.0})
    answer = (await caller.ask(chatbot, UNANSWERABLE)).json()["message"]
    assert (answer["content"], answer["finish_reason"]) == (SENTENCES[language].refusal, "refused_no_context")


@pytest.mark.django_db(transaction=True)
async def test_a_blocked_topic_and_a_doubtful_statement_too(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    await change(chatbot, configuration={"language": "es", "blocked_topics": ["politics"], "ungrounded": "marked"})
    blocked = (await caller.ask(chatbot, "What do you think of politics?")).json()["message"]
    assert (blocked["content"], blocked["finish_reason"]) == (SENTENCES["es"].blocked, "blocked")
    model.pieces = ("Spare chargers are kept on Mars with 99 robots [1].",)
    marked = (await caller.ask(chatbot)).json()["message"]
    assert marked["content"].endswith(SENTENCES["es"].unconfirmed)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("language", "text", "kind"),
    [("", "Hello!", "greeting"), ("", "Vielen Dank!", "thanks"), ("ko", "bye", "farewell")],
)
async def test_who_is_merely_polite_is_answered_politely_and_no_model_is_asked(
    caller: Caller, chatbot: Any, model: ScriptedModel, language: str, text: str, kind: str
) -> None:
    await change(chatbot, configuration={"language": language})
    answer = (await caller.ask(chatbot, text)).json()["message"]
    spoken = language or ("de" if "Dank" in text else "en")
    assert (answer["content"], answer["finish_reason"]) == (getattr(SENTENCES[spoken], kind), "stop")
    assert (answer["citations"], answer["grounded"], model.prompts) == ([], None, [])
    asked = (await caller.ask(chatbot, f"{text} Where are the spare chargers?")).json()["message"]
    assert asked["citations"], "who asks as well is answered"


@pytest.mark.django_db(transaction=True)
async def test_a_browsers_language_counts_when_nothing_else_tells(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    await change(chatbot, configuration={"min_score": 1.0})
    for header, language in (("fr-CA,fr;q=0.9", "fr"), ("zh-TW", "zh"), ("sv", "en")):
        body = {"message": "Xyzzy?", "stream": True}
        stream = await caller.post(f"/api/v1/chatbots/{chatbot.pk}/chat/", body, **{"Accept-Language": header})
        assert parse(await read_all(stream))[-1][2]["message"]["content"] == SENTENCES[language].refusal
