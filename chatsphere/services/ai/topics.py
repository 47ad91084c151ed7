"""Topics that a chatbot does not speak about, recognised by their words and by their meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Protocol

from chatsphere.services.ai.sentences import split_sentences
from chatsphere.services.types import SearchHit, Vectors
from chatsphere.services.vector_store.analysis import count_terms

LEAST_COSINE: Final = 0.45  # docs/algorithms/guardrails.md has the figures
ABOUT: Final = 0.25  # share of a passage's sentences that name what it is about
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


def topic_of_passage(passage: SearchHit, topics: Sequence[str], *, language: str = "en") -> str | None:
    """The first topic that a passage is about: one that its title or headings name, or a quarter of its sentences."""
    place = " ".join((passage.title, *passage.heading_path))
    if found := topic_in_words(place, topics, language=language):
        return found
    text = passage.text
    sentences = [text[each.start : each.end] for each in split_sentences(text)] or [text]
    for topic in topics:
        naming = sum(topic_in_words(sentence, [topic], language=language) is not None for sentence in sentences)
        if naming >= max(1.0, ABOUT * len(sentences)):
            return topic
    return None


async def topic_in_meaning(
    texts: Sequence[str], topics: Sequence[str], embedder: TopicEmbedder, *, name: str
) -> str | None:
    """The topic nearest to one of the texts when its cosine reaches ``LEAST_COSINE``. One embedding of the texts, and of each topic that this
    process has not seen. ``name`` tells embedders apart. Raises what the embedder raises."""
    if not topics:
        return None
    missing = [topic for topic in topics if (name, topic) not in _vectors]
    if len(_vectors) > MOST_REMEMBERED:
        _vectors.clear()
        missing = list(topics)
    vectors = await embedder.embed_texts([*texts, *missing])
    for topic, vector in zip(missing, vectors[len(texts) :], strict=True):
        _vectors[(name, topic)] = vector
    cosines = [max(float(_vectors[(name, topic)] @ vector) for vector in vectors[: len(texts)]) for topic in topics]
    best = max(range(len(topics)), key=cosines.__getitem__)
    return topics[best] if cosines[best] >= LEAST_COSINE else None
