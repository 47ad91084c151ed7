"""Chunks that look like orders to a model: held back from search and answers until somebody releases them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chatsphere.apps.training.models import QuarantinedChunk
from chatsphere.apps.users import audit
from chatsphere.core.exceptions import NotFound
from chatsphere.core.identifiers import new_id
from chatsphere.services.content.injection import find_injection
from chatsphere.services.vector_store.base import ChatbotRef


def note_suspicious(*, chatbot: ChatbotRef, chunks: Iterable[tuple[UUID, str]]) -> int:
    """Called by the pipeline with the id and text of every new chunk, in its transaction: suspicious ones get a row that holds them.
    A decision that was made about a chunk stays. Returns how many were found; without any it costs no query."""
    found = [(chunk_id, suspicion) for chunk_id, text in chunks if (suspicion := find_injection(text)) is not None]
    if found:
        QuarantinedChunk.objects.bulk_create(
            [
                QuarantinedChunk(
                    id=new_id(),
                    workspace_id=chatbot.workspace_id,
                    chatbot_id=chatbot.chatbot_id,
                    chunk_id=chunk_id,
                    pattern=suspicion.pattern,
                    excerpt=suspicion.excerpt,
                )
                for chunk_id, suspicion in found
            ],
            ignore_conflicts=True,
        )
    return len(found)


@transaction.atomic
def decide(*, workspace_id: UUID, quarantine_id: UUID, is_released: bool, decided_by: UUID | None) -> QuarantinedChunk:
    """Release a chunk, or hold it again; it holds from the next search on. Raises NotFound."""
    rows = QuarantinedChunk.objects.in_workspace(workspace_id).select_for_update().filter(pk=quarantine_id)
    row: QuarantinedChunk | None = rows.first()
    if row is None:
        raise NotFound
    row.state = QuarantinedChunk.State.RELEASED if is_released else QuarantinedChunk.State.HELD
    row.decided_by, row.decided_at = decided_by, timezone.now()
    row.save(update_fields=["state", "decided_by", "decided_at"])
    audit.record(
        audit.current(),
        f"chunk.{row.state}",
        workspace_id=workspace_id,
        object_type="chunk",
        object_id=row.chunk_id,
        details={"pattern": row.pattern},
    )
    return row


def shown(row: QuarantinedChunk) -> Mapping[str, Any]:
    """A row as the API shows it; its chunk is at hand."""
    return {
        "id": row.pk,
        "chunk_id": row.chunk_id,
        "state": row.state,
        "pattern": row.pattern,
        "excerpt": row.excerpt,
        "text": row.chunk.text,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
        "created_at": row.created_at,
    }
