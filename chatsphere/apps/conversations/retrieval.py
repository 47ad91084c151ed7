"""From a question to the passages that an answer may rest on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from statistics import fmean
from typing import Any
from uuid import UUID

from django.conf import settings

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.apps.conversations import remembered
from chatsphere.apps.conversations.answer import scores
from chatsphere.apps.conversations.guardrails import off_topic
from chatsphere.apps.conversations.neighbours import Reader, traced, with_neighbours
from chatsphere.apps.conversations.pages_of_quotes import with_pages
from chatsphere.apps.conversations.quarantine import without_held
from chatsphere.apps.conversations.reranking import Asked, hits_needed, last_order
from chatsphere.services.ai.period_bonus import MEANS_NONE, meant_by, prefer_meant
from chatsphere.services.ai.prompts import MAX_SOURCE_BYTES
from chatsphere.services.ai.refusal import Decision, decide
from chatsphere.services.errors import EngineError
from chatsphere.services.types import Reading, SearchFilters, SearchHit, SearchOutcome, SearchRequest

logger = logging.getLogger("chatsphere.conversations")
PASSAGES_PER_DOCUMENT = 3
MOST_HITS = 50
SHOWN_CANDIDATES = 20  # in a trace
NEAR_DUPLICATE = 0.9  # share of common shingles from which two passages count as one
SHORTEST_IN_WORDS = 12
HITS_PER_PASSAGE = 3  # what is searched for, so that the choice has something to choose from


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where to look, for whom. ``access_tags`` None is a trusted caller, who sees every source."""

    workspace_id: UUID
    chatbot_id: UUID
    question: str
    configuration: Configuration
    embedding_model: str
    search_text: str = ""  # the question so that it can be searched for by itself; empty: as it was asked
    access_tags: frozenset[str] | None = None
    knowledge_version: int | None = None  # as this request has read it; None: nothing found is remembered


@dataclass(frozen=True, slots=True)
class Retrieved:
    passages: tuple[SearchHit, ...]
    is_answerable: bool
    missing: tuple[str, ...]  # identifiers of the question that nothing found names
    trace: dict[str, Any]
    blocked_topic: str | None = None  # what the best passage is about, when the chatbot does not speak of it


async def find_passages(lookup: Lookup) -> Retrieved:
    """Search, decide whether the question can be answered, choose the passages, their neighbours behind them. One embedding and one search; two
    at once for a follow-up question: as it was asked, and as it can be searched for. Raises EngineError."""
    began = time.perf_counter()
    texts = dict.fromkeys((lookup.question, lookup.search_text or lookup.question))
    meant = meant_by(*texts)
    is_plain = len(texts) == 1 and meant == MEANS_NONE
    limit = min(lookup.configuration.top_k * HITS_PER_PASSAGE, MOST_HITS) if is_plain else MOST_HITS
    searches = await asyncio.gather(*(_search(lookup, text, limit=limit) for text in texts))
    outcomes = [each.outcome for each in searches]
    decision = max(map(partial(_decide, lookup), texts, outcomes), key=attrgetter("probability"))
    text = list(texts)[-1]
    merged = prefer_meant(meant, merge(*(outcome.hits for outcome in outcomes)))
    hits = await last_order(_asked(lookup, text, searches[-1]), merged)
    hits, topic = off_topic(hits, lookup.configuration)
    passages = choose(hits, lookup.configuration.top_k)
    if decision.answer and topic is None and _is_read_by_a_model(lookup):
        passages, _ = off_topic(await with_neighbours(passages, _reader(lookup)), lookup.configuration)
    passages = await with_pages(passages, _reader(lookup))
    trace = _trace(text, hits, decision, passages, began)
    trace["words_only"] = any(each.reading is None for each in searches)
    return Retrieved(passages, decision.answer, decision.missing, trace, topic)


async def best_hits(
    lookup: Lookup, text: str, *, most: int, filters: SearchFilters | None = None
) -> tuple[SearchHit, ...]:
    """The best hits for a text in their last order."""
    meant = meant_by(text)
    limit = max(hits_needed(most, lookup.embedding_model), 0 if meant == MEANS_NONE else MOST_HITS)
    searched = await _search(lookup, text, limit=limit, filters=filters)
    return (await last_order(_asked(lookup, text, searched), prefer_meant(meant, searched.outcome.hits)))[:most]


def _is_read_by_a_model(lookup: Lookup) -> bool:
    """The answer that only quotes chooses among what was found: what it quotes stands in one sentence."""
    return (lookup.configuration.model or settings.CHAT_MODEL) != "extractive"


def _reader(lookup: Lookup) -> Reader:
    return Reader(lookup.workspace_id, lookup.chatbot_id, lookup.access_tags, lookup.knowledge_version)


def _asked(lookup: Lookup, text: str, searched: _Search) -> Asked:
    return Asked(
        text,
        searched.reading,
        lookup.embedding_model,
        searched.outcome.statistics.dense_share,
        lookup.configuration.language,
        lookup.workspace_id,
        lookup.configuration.redact_personal_data,
    )


def _decide(lookup: Lookup, text: str, outcome: SearchOutcome) -> Decision:
    configuration = lookup.configuration
    return decide(
        text,
        outcome,
        model_id=lookup.embedding_model or None,
        min_score=configuration.min_score,
        weights=configuration.refusal_weights,
    )


def merge(*lists: Sequence[SearchHit]) -> tuple[SearchHit, ...]:
    """One list of several, by the mean of the fused scores; a hit that a list lacks counts there as its last one. Best first."""
    if len(lists) == 1:
        return tuple(lists[0])
    scores_of = [{hit.chunk_id: hit.fused for hit in hits} for hits in lists if hits]
    lowest = [min(found.values()) for found in scores_of]
    known = {hit.chunk_id: hit for hits in reversed(lists) for hit in hits}
    mixed = (
        replace(hit, fused=fmean(found.get(hit.chunk_id, low) for found, low in zip(scores_of, lowest, strict=True)))
        for hit in known.values()
    )
    return tuple(sorted(mixed, key=attrgetter("fused"), reverse=True))


@dataclass(frozen=True, slots=True)
class _Search:
    outcome: SearchOutcome
    reading: Reading | None  # of the question; None: by words alone


async def _search(lookup: Lookup, text: str, *, limit: int, filters: SearchFilters | None = None) -> _Search:
    """Hybrid search in a chatbot; by words alone while it has no vectors or its embedder is away, refuses or is no longer set up.
    Held-back chunks are left out."""
    reading = await _read(lookup.embedding_model, text)
    request = SearchRequest(
        workspace_id=lookup.workspace_id,
        chatbot_id=lookup.chatbot_id,
        text=text,
        vector=reading.vector if reading else None,
        model_id=lookup.embedding_model if reading else None,
        limit=limit,
        filters=filters or SearchFilters(access_tags=lookup.access_tags),
    )
    outcome = await without_held(await remembered.search(request, lookup.knowledge_version), lookup.workspace_id)
    return _Search(outcome, reading)


async def _read(model: str, text: str) -> Reading | None:
    if not model:
        return None
    try:
        return await remembered.question(model, text)
    except EngineError as error:  # also a permanent one: the deployment may have moved away from this model
        logger.warning("The question could not be embedded, searching by words alone: %s", error)
        return None


def choose(hits: Sequence[SearchHit], most: int) -> tuple[SearchHit, ...]:
    """The best hits, at most three of a document, no text twice or nearly so, within the prompt's budget."""
    chosen: list[SearchHit] = []
    per_document: Counter[UUID] = Counter()
    left, seen = MAX_SOURCE_BYTES, list[set[str]]()
    for hit in hits:
        if len(chosen) == most:
            break
        size, shingles = len(hit.text.encode()), _shingles(hit.text)
        is_new = per_document[hit.document_id] < PASSAGES_PER_DOCUMENT and not any(
            _is_nearly(shingles, other) for other in seen
        )
        if is_new and (size <= left or not chosen):
            chosen.append(hit)
            per_document[hit.document_id] += 1
            left -= size
            seen.append(shingles)
    return tuple(chosen)


def _shingles(text: str) -> set[str]:
    """Every three words that follow each other; for few words or a script without spaces, every four characters."""
    words = text.casefold().split()
    if len(words) >= SHORTEST_IN_WORDS:
        return {" ".join(words[i : i + 3]) for i in range(len(words) - 2)}
    joined = " ".join(words)
    return {joined[i : i + 4] for i in range(max(1, len(joined) - 3))}


def _is_nearly(one: set[str], other: set[str]) -> bool:
    """Jaccard's share. Numbers and names of short texts make a difference, so it is high."""
    return len(one & other) >= NEAR_DUPLICATE * len(one | other)


def _trace(
    text: str, hits: Sequence[SearchHit], decision: Decision, passages: tuple[SearchHit, ...], began: float
) -> dict[str, Any]:
    kept = {hit.chunk_id for hit in passages if not hit.is_neighbour}
    return {
        "search_text": text,
        "candidates": [
            {
                "chunk_id": str(hit.chunk_id),
                "document_id": str(hit.document_id),
                "source_id": str(hit.source_id),
                "title": hit.title,
                "heading_path": list(hit.heading_path),
                "page": hit.page,
                "scores": scores(hit),
                "is_in_prompt": hit.chunk_id in kept,
            }
            for hit in hits[:SHOWN_CANDIDATES]
        ],
        "neighbours": [traced(hit) for hit in passages if hit.is_neighbour],
        "decision": {
            "answer": decision.answer,
            "probability": decision.probability,
            "features": decision.features,
            "missing": list(decision.missing),
        },
        "timings": {"retrieval_ms": round((time.perf_counter() - began) * 1000, 1)},
    }
