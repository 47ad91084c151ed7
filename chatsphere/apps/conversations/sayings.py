"""Sentences that the platform itself says in a conversation: the chatbot's own words where it has some, else ours in the right language."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from django.utils import translation

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.apps.conversations.sentences import SENTENCES, Sentences
from chatsphere.services.ai.courtesies import courtesy_of
from chatsphere.services.content.language import detect_language

FALLBACK = "en"


def language_of(language: str, question: str = "") -> str:
    """Which of our languages to speak: the chatbot's, else that of the question, else the one that the reader's browser asks for. A chatbot
    of a language that we do not have speaks English."""
    if language:
        return _ours(language) or FALLBACK
    return _ours(_detected(question)) or _ours(translation.get_language() or "") or FALLBACK


def sentences_for(configuration: Configuration, question: str = "") -> Sentences:
    """All sentences, for a chatbot and what was asked."""
    return SENTENCES[language_of(configuration.language, question)]


def refusal(configuration: Configuration, question: str = "", *, missing: Sequence[str] = ()) -> str:
    """What is said when the content holds no answer. Our own sentence says which part numbers, codes or versions of the question stand nowhere
    (``missing``)."""
    if configuration.refusal_message:
        return configuration.refusal_message
    ours = sentences_for(configuration, question)
    return ours.missing.format(names=", ".join(missing)) if missing else ours.refusal


def reply_to_courtesy(configuration: Configuration, text: str) -> str:
    """What is said to a mere greeting, thank-you or goodbye; empty when a message is more than that. A chatbot without a language of its own
    answers in the one it was spoken to."""
    found = courtesy_of(text)
    if found is None:
        return ""
    courtesy, language = found
    reply: str = getattr(SENTENCES[language_of(configuration.language or language)], courtesy.value)
    return reply


def blocked_notice(configuration: Configuration, question: str = "") -> str:
    """What is said to a question about a blocked topic."""
    return configuration.blocked_message or sentences_for(configuration, question).blocked


def interrupted_message(configuration: Configuration | None = None, question: str = "") -> str:
    """Why an answer without a living run has ended; English where nobody knows whose it is."""
    return (sentences_for(configuration, question) if configuration else SENTENCES[FALLBACK]).interrupted


def _ours(tag: str) -> str:
    """The language of a BCP 47 tag, empty when it is none of ours."""
    code = tag.lower().replace("_", "-").partition("-")[0]
    return code if code in SENTENCES else ""


@lru_cache(maxsize=512)
def _detected(question: str) -> str:
    return detect_language(question)
