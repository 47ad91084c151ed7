"""Questions with known sources, asked of a restored database: what people could find before must be found there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chatsphere.backups import database
from chatsphere.backups.errors import BackupError
from chatsphere.services.types import SearchRequest
from chatsphere.services.vector_store.pgvector import PgVectorStore, PoolSettings

MOST = 40
HITS = 10
LEAST_WORDS, MOST_WORDS = 6, 25
SECONDS = 60.0

# The same ones each time, spread over all chatbots.
_SAMPLE = """
SELECT c.workspace_id, c.chatbot_id, c.text FROM training_chunktext c
JOIN chatbots_chatbot b ON b.id = c.chatbot_id AND b.deleted_at IS NULL
WHERE c.is_live AND EXISTS (
    SELECT 1 FROM training_placement p
    JOIN training_document d ON d.current_version_id = p.document_version_id
    JOIN training_trainingsource s ON s.id = d.source_id
    WHERE p.chunk_id = c.id
)
ORDER BY md5(c.id::text) LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Question:
    """A sentence of a stored text; a hit that holds it is the right one."""

    workspace_id: UUID
    chatbot_id: UUID
    text: str


def ask_golden_questions(url: str) -> int:
    """Search for sentences of stored texts by their words, in the database at ``url``; how many were asked.

    Raises BackupError when one is not among the first hits.
    """
    with database.connect(url) as connection:
        rows = connection.execute(_SAMPLE, (MOST,)).fetchall()
    questions = [Question(row[0], row[1], sentence) for row in rows if (sentence := _sentence(row[2]))]
    lost = asyncio.run(_lost(url, questions)) if questions else []
    if lost:
        raise BackupError(
            f"{len(lost)} of {len(questions)} questions do not find their source in the restored database, such as “{lost[0].text}” of chatbot {lost[0].chatbot_id}."
        )
    return len(questions)


async def _lost(url: str, questions: Sequence[Question]) -> list[Question]:
    store = PgVectorStore(url, pool=PoolSettings(min_size=0, max_size=1, statement_timeout=SECONDS, wait=SECONDS))
    try:
        return [each for each in questions if not await _is_found(store, each)]
    finally:
        await store.aclose()


async def _is_found(store: PgVectorStore, question: Question) -> bool:
    request = SearchRequest(question.workspace_id, question.chatbot_id, question.text, None, None, limit=HITS)
    outcome = await store.search(request)
    return any(question.text in _flat(hit.text) for hit in outcome.hits)


def _sentence(text: str) -> str:
    """The longest sentence that is no longer than a question; empty when there is none that says something."""
    sentences = [each for each in re.split(r"(?<=[.!?。])\s+|\n+", text) if each.strip()]
    fitting = [_flat(each) for each in sentences if LEAST_WORDS <= len(each.split()) <= MOST_WORDS]
    return max(fitting, key=len, default="")


def _flat(text: str) -> str:
    return " ".join(text.split())
