"""What stands right before and after the passages, for the room that they leave in a prompt.

Passages are short, so the sentence that one goes on from is often in the chunk beside it. A neighbour is a passage of its own, with its own
number and its own place in the document: whatever is quoted from it is cited where it stands.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from chatsphere.apps.conversations.quarantine import is_suspect
from chatsphere.core.async_database import read_rows
from chatsphere.core.memory_cache import MemoryCache, named_cache
from chatsphere.services.ai.prompts import MAX_SOURCE_BYTES
from chatsphere.services.ai.sentences import split_sentences
from chatsphere.services.content.table_columns import columns_of
from chatsphere.services.sql import statements
from chatsphere.services.types import SearchHit

MARK_BYTES: Final = 24  # the line that says beside which passage it stands
LEAST_ROOM: Final = 100  # bytes; hardly a sentence fits into less
remembered: Final[MemoryCache[tuple[SearchHit, ...]]] = named_cache("neighbours", 200, seconds=30.0)  # some 10 KB each


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads where. ``access_tags`` None sees every source; a knowledge version of None is never remembered."""

    workspace_id: UUID
    chatbot_id: UUID
    access_tags: frozenset[str] | None
    knowledge_version: int | None


async def with_neighbours(passages: Sequence[SearchHit], reader: Reader) -> tuple[SearchHit, ...]:
    """The passages and behind them what fits of their neighbours; one query when there is room, else none."""
    if not passages or _room(passages) < LEAST_ROOM:
        return tuple(passages)
    return fitted(passages, await _neighbours(passages, reader))


def fitted(passages: Sequence[SearchHit], neighbours: Sequence[SearchHit]) -> tuple[SearchHit, ...]:
    """The passages first, then the neighbours, each once and whole, else the sentences of it that stand nearest to its passage."""
    room, known, joined = _room(passages), {hit.chunk_id for hit in passages}, list(passages)
    for neighbour in neighbours:
        part = None if neighbour.chunk_id in known else _nearest_part(neighbour, room - MARK_BYTES)
        if part is not None:
            joined.append(part)
            known.add(part.chunk_id)
            room -= _size(part.text) + MARK_BYTES
    return tuple(joined)


def traced(neighbour: SearchHit) -> dict[str, Any]:
    """What a trace keeps of a neighbour: of one before its passage the last characters were shown, of one after it the first."""
    return {
        "chunk_id": str(neighbour.chunk_id),
        "document_id": str(neighbour.document_id),
        "source_id": str(neighbour.source_id),
        "title": neighbour.title,
        "heading_path": list(neighbour.heading_path),
        "page": neighbour.page,
        "before": str(neighbour.before) if neighbour.before else None,
        "after": str(neighbour.after) if neighbour.after else None,
        "char_start": neighbour.char_start,
        "char_end": neighbour.char_end,
        "length": len(neighbour.text),
    }


def _room(passages: Sequence[SearchHit]) -> int:
    return MAX_SOURCE_BYTES - sum(_size(hit.text) for hit in passages)


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


def _nearest_part(neighbour: SearchHit, room: int) -> SearchHit | None:
    text = neighbour.text
    if _size(text) <= room:
        return neighbour
    sentences = split_sentences(text)
    if neighbour.before is not None:
        spans = [(sentence.start, len(text)) for sentence in sentences]
    else:
        spans = [(0, sentence.end) for sentence in reversed(sentences)]
    span = next((span for span in spans if _size(text[slice(*span)]) <= room), None)
    return None if span is None else _cut(neighbour, *span)


def _cut(hit: SearchHit, start: int, end: int) -> SearchHit:
    text = hit.text[start:end]
    columns = hit.columns if text.startswith("|") else ()
    return replace(hit, text=text, char_start=hit.char_start + start, char_end=hit.char_start + end, columns=columns)


async def _neighbours(passages: Sequence[SearchHit], reader: Reader) -> tuple[SearchHit, ...]:
    key = _key(passages, reader)
    known = None if key is None else remembered.get(key)
    if known is None:
        known = await _read(passages, reader)
        if key is not None:
            remembered.put(key, known)
    return known


def _key(passages: Sequence[SearchHit], reader: Reader) -> Hashable | None:
    return None if reader.knowledge_version is None else (reader, *((hit.chunk_id, hit.char_start) for hit in passages))


async def _read(passages: Sequence[SearchHit], reader: Reader) -> tuple[SearchHit, ...]:
    """In the order of the passages, what stands before one first. What looks like orders is left out, released or not."""
    parameters = {
        "workspace_id": reader.workspace_id,
        "chatbot_id": reader.chatbot_id,
        "access_tags": None if reader.access_tags is None else list(reader.access_tags),
        "chunk_ids": [hit.chunk_id for hit in passages],
        "document_ids": [hit.document_id for hit in passages],
        "starts": [hit.char_start for hit in passages],
    }
    rows = await read_rows(statements("chatsphere.apps.conversations")["neighbours"], parameters)
    return tuple(_neighbour(passages[row["rank"] - 1], row) for row in rows if not is_suspect(row["text"]))


def _neighbour(hit: SearchHit, row: dict[str, Any]) -> SearchHit:
    """Where it was found is the passage's, its scores are nobody's."""
    return SearchHit(
        row["chunk_id"], hit.document_id, hit.source_id, hit.title, hit.url, row["page"], hit.heading_path, row["text"],
        row["char_start"], row["char_end"], dense=None, sparse=None, fused=0.0,
        before=hit.chunk_id if row["is_before"] else None, after=None if row["is_before"] else hit.chunk_id,
        columns=columns_of(row["context"], row["text"]),
    )  # fmt: skip
