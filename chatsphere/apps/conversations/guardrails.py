"""What a chatbot keeps out of its answers and out of the hands of others: blocked topics, personal data, secrets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from django.conf import settings

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.core import engines
from chatsphere.services.ai.redaction import SECRETS, Kind, redact
from chatsphere.services.ai.topics import TopicEmbedder, topic_in_meaning, topic_in_words
from chatsphere.services.types import SearchHit, Turn

OURS = ("extractive", "local", "hashing")  # engines that run in this house


async def blocked_topic(question: str, configuration: Configuration, embedding_model: str) -> str | None:
    """The blocked topic that a question is about, by its words and then by its meaning; None when it may be answered.

    Costs nothing without blocked topics, else one embedding at most.
    """
    topics = configuration.blocked_topics
    if not topics:
        return None
    found = topic_in_words(question, topics, language=configuration.language)
    if found is None and embedding_model and not embedding_model.startswith("hashing:"):
        embedder = cast(TopicEmbedder, engines.embedder(embedding_model))  # every embedder of ours has it
        found = await topic_in_meaning(question, topics, embedder, name=embedding_model)
    return found


def leaves_the_house(engine: str) -> bool:
    """Whether what this engine reads goes to a provider."""
    return engine.partition(":")[0] not in OURS


def for_embedding(text: str, configuration: Configuration, embedding_model: str) -> str:
    """The visitor's words as an embedding provider may see them."""
    is_hidden = configuration.redact_personal_data and leaves_the_house(embedding_model or settings.EMBEDDING_MODEL)
    return redact(text)[0] if is_hidden else text


def hides_from_model(configuration: Configuration) -> bool:
    """Whether the model of this chatbot is a provider's and must not see personal data."""
    return configuration.redact_personal_data and leaves_the_house(configuration.model or settings.CHAT_MODEL)


def redacted(
    question: str, history: Sequence[Turn], passages: Sequence[SearchHit]
) -> tuple[str, tuple[Turn, ...], tuple[SearchHit, ...], Counter[Kind]]:
    """What a model provider may see, and how much was taken out. Passages lose only secrets: their addresses and numbers are what people
    ask for."""
    counts: Counter[Kind] = Counter()
    asked, found = redact(question)
    counts += found
    turns = []
    for turn in history:
        text, found = redact(turn.text)
        counts += found
        turns.append(replace(turn, text=text))
    shown = []
    for passage in passages:
        text, found = redact(passage.text, SECRETS)
        counts += found
        shown.append(replace(passage, text=text) if found else passage)
    return asked, tuple(turns), tuple(shown), counts
