"""Topics that a chatbot does not speak about, recognised by their words and by their meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Protocol

from chatsphere.services.errors import RetryableError
from chatsphere.services.types import Vectors
from chatsphere.services.vector_store.analysis import count_terms

LEAST_COSINE: Final = 0.45  # docs/algorithms/guardrails.md has the figures
MOST_REMEMBERED: Final = 2_000  # vectors of topics in a process

_WORDS: Final = re.compile(r"\w+")

_vectors: dict[tuple[str, str], Vectors] = {}


class TopicEmbedder(Protocol):
    """The part of an embedder that is needed here."""

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors in order."""
        ...


def topic_in_words(question: str, topics: Sequence[str], *, language: str = "en") -> str | None:
    """The first topic all of whose words (as stems) stand in the question; "" and topics without a word match nothing."""
    asked = set(count_terms(question, language or "en"))
    folded = f" {' '.join(_WORDS.findall(question.casefold()))} "
    for topic in topics:
        wanted = set(count_terms(topic, language or "en"))
        plain = " ".join(_WORDS.findall(topic.casefold()))
        if (wanted and wanted <= asked) or (plain and f" {plain} " in folded):
            return topic
    return None


async def topic_in_meaning(question: str, topics: Sequence[str], embedder: TopicEmbedder, *, name: str) -> str | None:
    """The nearest topic when its cosine reaches ``LEAST_COSINE``. One embedding of the question, and one of each topic that this
    process has not seen; None while the embedder is away. ``name`` tells embedders apart."""
    if not topics:
        return None
    try:
        missing = [topic for topic in topics if (name, topic) not in _vectors]
        if len(_vectors) > MOST_REMEMBERED:
            _vectors.clear()
            missing = list(topics)
        vectors = await embedder.embed_texts([question, *missing])
    except RetryableError:
        return None
    for topic, vector in zip(missing, vectors[1:], strict=True):
        _vectors[(name, topic)] = vector
    cosines = [float(_vectors[(name, topic)] @ vectors[0]) for topic in topics]
    best = max(range(len(topics)), key=cosines.__getitem__)
    return topics[best] if cosines[best] >= LEAST_COSINE else None
