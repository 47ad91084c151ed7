"""Which questions go into the inbox: refused, answered on weak grounds, rated down, handed over to a person."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from chatsphere.apps.analytics.named_sql import execute

# An answer given with less certainty than this is worth a look; refusals end at the chatbot's min_score, 0.5 unless changed.
LOW_SCORE = 0.6


def collect(workspace_id: UUID, message_ids: Sequence[str]) -> None:
    """Bring the inbox up to date for these answers, in the caller's transaction: questions come in, or go out when they were mended.

    Ids come as the texts of PostgreSQL's arrays of them, which need not be read here.
    """
    ids = ",".join(filter(None, (each[1:-1] for each in message_ids)))
    if not ids:
        return
    values = {"workspace_id": workspace_id, "ids": f"{{{ids}}}", "low_score": LOW_SCORE}
    execute("forget_mended", values)
    execute("collect_questions", values)


def forget_erased(workspace_id: UUID) -> None:
    """Take questions and answers out of the results of answering whose messages are gone: nothing else of a conversation is copied here
    without a key that cascades."""
    execute("forget_erased", {"workspace_id": workspace_id})
