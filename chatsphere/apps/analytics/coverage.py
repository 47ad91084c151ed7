"""What an editor should look at: passages that say the same twice, passages that contradict each other, pages that changed at their origin.

A look at a chatbot replaces all its findings of a kind in one transaction. Comparing is one product of the chunks' vectors, block by block.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from chatsphere.apps.analytics.clustering import as_matrix
from chatsphere.apps.analytics.models import Finding
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training.dry_run import what_would_change
from chatsphere.apps.training.models import ChunkText, Embedding, Placement, TrainingSource
from chatsphere.apps.training.models.source import WEB_TYPES
from chatsphere.core.exceptions import Conflict

MOST_CHUNKS = 20_000
BLOCK = 1_000
SIMILAR = 0.9  # cosine from which two passages are compared word by word
SAME_WORDS = 0.7  # Jaccard of their words without numbers
SHORTEST = 40  # characters; a heading alone contradicts nothing
MOST_PAIRS = 2_000
MOST_FINDINGS = 200
MOST_SOURCES = 20  # of a chatbot are asked for changes at one look
ASK_AFTER = timedelta(days=1)
EXCERPT = 300
Kind = Finding.Kind

_MONTHS = "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
_NUMBER = re.compile(
    rf"\d+(?:[.,:/-]\d+)*|\b(?:{_MONTHS})\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Compared:
    """How two similar passages stand to each other; ``only_left`` and ``only_right`` are numbers and dates that the other lacks."""

    kind: Kind
    overlap: float
    only_left: list[str]
    only_right: list[str]


def compare(left: str, right: str) -> Compared | None:
    """The same words and the same numbers: a near-duplicate. The same words with other numbers or dates on both sides: a contradiction."""
    if min(len(left), len(right)) < SHORTEST:
        return None
    numbers = [Counter(each.casefold() for each in _NUMBER.findall(text)) for text in (left, right)]
    words = [set(_WORD.findall(_NUMBER.sub(" ", text).casefold())) for text in (left, right)]
    overlap = len(words[0] & words[1]) / max(1, len(words[0] | words[1]))
    if overlap < SAME_WORDS:
        return None
    only = [sorted(numbers[0] - numbers[1]), sorted(numbers[1] - numbers[0])]
    if only[0] and only[1]:
        return Compared(Kind.CONTRADICTION, overlap, *only)
    return None if only[0] or only[1] else Compared(Kind.NEAR_DUPLICATE, overlap, [], [])


def similar_pairs(vectors: Any, most: int = MOST_PAIRS) -> list[tuple[int, int, float]]:
    """The ``most`` most similar pairs of rows (unit vectors) with a cosine of at least SIMILAR, the first number smaller; the most similar ones
    first. Memory is that of some blocks: in a log or a list of prices nearly every passage is like every other."""
    found = np.empty((0, 3))
    for block in _similar_in_blocks(vectors):
        found = np.concatenate([found, block])
        if len(found) > most:
            found = found[np.argsort(-found[:, 2], kind="stable")[:most]]
    return [(int(a), int(b), float(cosine)) for a, b, cosine in found[np.argsort(-found[:, 2], kind="stable")]]


def _similar_in_blocks(vectors: Any) -> Iterator[Any]:
    """Rows of two numbers and a cosine."""
    for start in range(0, len(vectors), BLOCK):
        for other in range(start, len(vectors), BLOCK):
            cosines = vectors[start : start + BLOCK] @ vectors[other : other + BLOCK].T
            rows, columns = np.nonzero(np.triu(cosines, 1 if other == start else -BLOCK) >= SIMILAR)
            yield np.stack([rows + start, columns + other, cosines[rows, columns]], axis=1)


def look_at_all() -> None:
    """Every living chatbot that knows something."""
    for chatbot in Chatbot.objects.alive().exclude(embedding_model=""):
        look_at(chatbot)


def look_at(chatbot: Chatbot) -> int:
    """Compare the passages of a chatbot, ask for changes of its pages; returns how many findings there are."""
    found = [*_pairs(chatbot), *_changed(chatbot)]
    with transaction.atomic():
        Finding.objects.filter(chatbot=chatbot).delete()
        Finding.objects.bulk_create(found)
    return len(found)


def _pairs(chatbot: Chatbot) -> list[Finding]:
    rows = Embedding.objects.filter(
        workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, model=chatbot.embedding_model, is_live=True
    ).values_list("chunk_id", "vector")[:MOST_CHUNKS]
    ids, values = zip(*rows, strict=True) if rows else ((), ())
    if not ids:
        return []
    vectors = as_matrix(values)
    pairs = similar_pairs(vectors)
    texts = ChunkText.objects.in_bulk({ids[number] for pair in pairs for number in pair[:2]})
    places = _places(texts)
    found = [_finding(chatbot, texts[ids[a]], texts[ids[b]], score, places) for a, b, score in pairs]
    kept = [each for each in found if each is not None]
    return [*_some(kept, Kind.CONTRADICTION), *_some(kept, Kind.NEAR_DUPLICATE)]


def _some(found: Sequence[Finding], kind: Kind) -> list[Finding]:
    return [each for each in found if each.kind == kind][:MOST_FINDINGS]


def _places(texts: Any) -> dict[UUID, dict[str, Any]]:
    """Where each chunk stands: source, document and page of one of its places."""
    rows = Placement.objects.filter(
        chunk_id__in=list(texts), document_version__document__current_version=F("document_version_id")
    ).select_related("document_version__document")
    rows = rows.defer("document_version__text")
    return {
        row.chunk_id: {
            "source_id": str(row.document_version.document.source_id),
            "document_id": str(row.document_version.document_id),
            "title": row.document_version.document.title,
            "page": row.page,
        }
        for row in rows
    }


def _finding(
    chatbot: Chatbot, left: ChunkText, right: ChunkText, score: float, places: dict[UUID, dict[str, Any]]
) -> Finding | None:
    compared = compare(left.text, right.text)
    if compared is None or left.pk not in places or right.pk not in places:
        return None
    return Finding(
        workspace_id=chatbot.workspace_id,
        chatbot=chatbot,
        kind=compared.kind,
        source_id=UUID(places[left.pk]["source_id"]),
        score=score,
        data={
            "passages": [
                {**places[each.pk], "chunk_id": str(each.pk), "text": each.text[:EXCERPT]} for each in (left, right)
            ],
            "differs": [compared.only_left, compared.only_right],
        },
    )


def _changed(chatbot: Chatbot) -> list[Finding]:
    """Web sources whose pages differ from what was read last; asked politely, those first that were read longest ago."""
    old = Q(last_synced_at=None) | Q(last_synced_at__lt=timezone.now() - ASK_AFTER)
    sources = TrainingSource.objects.filter(chatbot=chatbot, source_type__in=WEB_TYPES, documents_count__gt=0).filter(
        old
    )
    found = []
    for source in sources.order_by("last_synced_at")[:MOST_SOURCES]:
        try:
            change = what_would_change(source)
        except Conflict:  # its host is away
            continue
        if change["would_change"]:
            counts = {name: change[name] for name in ("added", "changed", "removed")}
            found.append(_changed_source(chatbot, source, counts))
    return found


def _changed_source(chatbot: Chatbot, source: TrainingSource, counts: dict[str, int]) -> Finding:
    return Finding(
        workspace_id=chatbot.workspace_id,
        chatbot=chatbot,
        kind=Kind.CHANGED_AT_ORIGIN,
        source_id=source.pk,
        score=sum(counts.values()),
        data={"name": source.name, "uri": source.uri, **counts},
    )
