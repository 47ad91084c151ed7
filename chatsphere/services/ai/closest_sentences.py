"""The last stage of a search: of each of the first hits one sentence is read closely, the one that holds most of the question's words.

A vector of a whole passage says what it is about; whether it answers stands in one sentence of it. That sentence is embedded behind the
passage's title and headings, and its cosine and its coverage of the question are added to the score of the search. Up to six short
texts a question: only for an embedding model in this house. docs/algorithms/search.md has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

from chatsphere.services.ai.extractive import FALLBACK_LANGUAGE, coverage_of, idf_among
from chatsphere.services.ai.sentences import split_sentences
from chatsphere.services.types import SearchHit, Vector, Vectors
from chatsphere.services.vector_store.analysis import count_terms
from chatsphere.services.vector_store.questions import without_function_words

READ: Final = 6  # hits; two more change nothing
COMPARED: Final = (
    12  # hits whose sentences say how rare a word is; cutting and analysing them takes half a millisecond each
)
REACH: Final = 1.5  # how far behind the first a hit may be, in the score of the search, to be read at all
COSINE_WEIGHT: Final = 7.0  # cosines lie close together: 0.1 is some standard deviation of the candidates'
COVERAGE_WEIGHT: Final = 1.0
LONGEST: Final = 700  # characters of a sentence; table rows and code have no end

Closest = tuple[str, float]  # what is embedded of a hit, and the share of the question's words in its sentence


class TextEmbedder(Protocol):
    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors in order, ahead of work that can wait."""
        ...


async def read_closely(
    question: str, vector: Vector, hits: Sequence[SearchHit], embedder: TextEmbedder, *, language: str = ""
) -> tuple[SearchHit, ...]:
    """The first hits with ``sentence`` (cosine), ``sentence_coverage`` and ``rerank`` (the score they are now ordered by), then the others.

    ``vector`` is the question's, of the embedder's model. One request to the embedder. Raises what the embedder raises.
    """
    contenders = sum(hit.fused >= hits[0].fused - REACH for hit in hits[:READ])
    if contenders < 2 or not question.strip():
        return tuple(hits)
    closest = closest_sentences(question, hits, language=language, most=contenders)
    cosines: list[float] = (await embedder.embed_texts([text for text, _ in closest]) @ vector).tolist()
    gains = [
        COSINE_WEIGHT * cosine + COVERAGE_WEIGHT * coverage
        for cosine, (_, coverage) in zip(cosines, closest, strict=True)
    ]
    least = min(gains)  # so that nobody's score falls below that of the hits behind, which are not read
    read = [
        replace(hit, sentence=cosine, sentence_coverage=coverage, rerank=hit.fused + gain - least)
        for hit, cosine, (_, coverage), gain in zip(hits, cosines, closest, gains, strict=False)
    ]
    return (*sorted(read, key=lambda hit: -(hit.rerank or 0.0)), *hits[contenders:])


def closest_sentences(
    question: str, hits: Sequence[SearchHit], *, language: str = "", most: int = READ
) -> list[Closest]:
    """One a hit, of the first ones; words weigh by their IDF among the sentences of the first twelve."""
    language = language or FALLBACK_LANGUAGE
    split = [_sentences(hit.text, language) for hit in hits[:COMPARED]]
    asked = without_function_words(question, [language])
    idf = idf_among(set(count_terms(asked, language)), [terms for each in split for _, terms in each])
    return [_closest(hit, each, idf) for hit, each in zip(hits[:most], split, strict=False)]


def _sentences(text: str, language: str) -> list[tuple[str, set[int]]]:
    spans = [(sentence.start, sentence.end) for sentence in split_sentences(text)] or [(0, len(text))]
    return [(text[start:end], set(count_terms(text[start:end], language))) for start, end in spans]


def _closest(hit: SearchHit, sentences: Sequence[tuple[str, set[int]]], idf: Mapping[int, float]) -> Closest:
    coverages = [coverage_of(idf, terms) for _, terms in sentences]
    place = coverages.index(max(coverages))
    path = " › ".join(part for part in (hit.title, *hit.heading_path) if part)
    text = sentences[place][0][:LONGEST]
    return (f"{path}\n{text}" if path else text), coverages[place]
