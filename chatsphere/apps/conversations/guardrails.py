"""What a chatbot keeps out of its answers and out of the hands of others: blocked topics, personal data, secrets."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from django.conf import settings

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.core import engines
from chatsphere.services.ai.redaction import SECRETS, Kind, redact
from chatsphere.services.ai.topics import TopicEmbedder, topic_in_meaning, topic_in_words, topic_of_passage
from chatsphere.services.errors import EngineError
from chatsphere.services.types import SearchHit, Turn

logger = logging.getLogger("chatsphere.conversations")
OURS = ("extractive", "local", "hashing")  # engines that run in this house


@dataclass(frozen=True, slots=True)
class Words:
    """What was said up to a question: all of it that an engine may be given."""

    question: str
    history: tuple[Turn, ...] = ()
    memory: str = ""


async def blocked_topic(texts: Sequence[str], configuration: Configuration, embedding_model: str) -> str | None:
    """The blocked topic that one of these texts is about (a question, and what it was made into to be searched for), by their words and
    then by their meaning; None when it may be answered. The texts are as the embedding model may see them.

    Costs nothing without blocked topics, else one embedding at most; by words alone while the embedder is away or refuses.
    """
    topics = configuration.blocked_topics
    if not topics:
        return None
    for text in texts:
        if found := topic_in_words(text, topics, language=configuration.language):
            return found
    if not embedding_model or embedding_model.startswith("hashing:"):
        return None
    try:
        embedder = cast(TopicEmbedder, engines.embedder(embedding_model))  # every embedder of ours has it
        return await topic_in_meaning(texts, topics, embedder, name=embedding_model)
    except EngineError as error:
        logger.warning("Blocked topics could be recognised by their words alone: %s", error)
        return None


def off_topic(passages: Sequence[SearchHit], configuration: Configuration) -> tuple[tuple[SearchHit, ...], str | None]:
    """The passages that speak of no blocked topic, and the topic of the first one when that does: then the question is about it, in
    whatever words it was asked."""
    topics, language = configuration.blocked_topics, configuration.language
    if not topics:
        return tuple(passages), None
    about = [topic_of_passage(passage, topics, language=language) for passage in passages]
    kept = tuple(passage for passage, topic in zip(passages, about, strict=True) if topic is None)
    found = [topic for topic in about if topic is not None]
    return kept, (about[0] or (found[0] if not kept and found else None)) if about else None


def leaves_the_house(engine: str) -> bool:
    """Whether what this engine reads goes to a provider."""
    return engine.partition(":")[0] not in OURS


def seen_by_search(words: Words, configuration: Configuration, embedding_model: str) -> Words:
    """What is said as embedder and reranker may see it, one of which may be a provider's."""
    engines_asked = (embedding_model or settings.EMBEDDING_MODEL, settings.RERANKER or OURS[0])
    is_hidden = configuration.redact_personal_data and any(map(leaves_the_house, engines_asked))
    return redact_words(words)[0] if is_hidden else words


def seen_by_model(words: Words, configuration: Configuration) -> tuple[Words, Counter[Kind]]:
    """What is said as the chat model may see it, and how much was taken out."""
    return redact_words(words) if hides_from_model(configuration) else (words, Counter())


def hides_from_model(configuration: Configuration) -> bool:
    """Whether a model of this chatbot is a provider's and must not see personal data."""
    models = (configuration.model or settings.CHAT_MODEL).split(",")
    return configuration.redact_personal_data and any(leaves_the_house(model.strip()) for model in models)


def redact_words(words: Words) -> tuple[Words, Counter[Kind]]:
    """Everything without personal data, and how much was taken out."""
    counts: Counter[Kind] = Counter()

    def hidden(text: str) -> str:
        shown, found = redact(text)
        counts.update(found)
        return shown

    history = tuple(replace(turn, text=hidden(turn.text)) for turn in words.history)
    return Words(hidden(words.question), history, hidden(words.memory)), counts


def without_secrets(passages: Sequence[SearchHit]) -> tuple[tuple[SearchHit, ...], Counter[Kind]]:
    """Passages lose only secrets: their addresses and numbers are what people ask for."""
    counts: Counter[Kind] = Counter()
    shown = []
    for passage in passages:
        text, found = redact(passage.text, SECRETS)
        counts += found
        shown.append(replace(passage, text=text) if found else passage)
    return tuple(shown), counts
