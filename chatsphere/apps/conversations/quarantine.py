"""Keeps held-back chunks away from searches and models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Final
from uuid import UUID

from chatsphere.core.async_database import read_rows
from chatsphere.services.content.injection import find_injection
from chatsphere.services.sql import statements
from chatsphere.services.types import SearchHit, SearchOutcome

MOST_KNOWN: Final = 20_000  # some 100 bytes each
_known: dict[bytes, bool] = {}  # digest of a text: whether it looks like orders


async def without_held(outcome: SearchOutcome, workspace_id: UUID) -> SearchOutcome:
    """The hits without those that look like orders and were not released. One query when any does, else none: chunks that were stored
    before there was a quarantine are held back, too."""
    suspects = [hit for hit in outcome.hits if is_suspect(hit.text)]
    if not suspects:
        return outcome
    released = await _released(suspects, workspace_id)
    held = {hit.chunk_id for hit in suspects} - released
    return replace(outcome, hits=tuple(hit for hit in outcome.hits if hit.chunk_id not in held))


def is_suspect(text: str) -> bool:
    """Whether a text looks like orders. Remembered by the text: looking anew at every hit of every search was half of a turn's own time."""
    key = blake2b(text.encode(), digest_size=16).digest()
    known = _known.get(key)
    if known is None:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        known = _known[key] = find_injection(text) is not None
    return known


async def _released(suspects: Sequence[SearchHit], workspace_id: UUID) -> set[UUID]:
    ids = {"ids": [hit.chunk_id for hit in suspects], "workspace_id": workspace_id}
    rows = await read_rows(statements("chatsphere.apps.conversations")["released_chunks"], ids)
    return {row["chunk_id"] for row in rows}
