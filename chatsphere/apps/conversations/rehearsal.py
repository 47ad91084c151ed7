"""An answer that is thrown away: the same steps as a turn, without a conversation, a message or a line in the ledger.

Evaluations and replays ask this way. The caller counts quota and usage.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.apps.conversations.answer import Draft
from chatsphere.apps.conversations.prepared import PreparedTurn, milliseconds
from chatsphere.apps.conversations.question import Question
from chatsphere.apps.conversations.turn import stream_turn
from chatsphere.core.identifiers import new_id
from chatsphere.core.principal import Principal
from chatsphere.core.sse import EventLog
from chatsphere.services.types import Turn


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What to ask, of which configuration of a chatbot."""

    principal: Principal
    chatbot_id: UUID
    configuration: Configuration
    embedding_model: str
    text: str
    history: tuple[Turn, ...] = ()
    version: int | None = None
    is_public: bool = False  # a page asks: it sees no source with access tags


async def rehearse(rehearsal: Rehearsal) -> tuple[Draft, int]:
    """The answer and the milliseconds it took. Raises EngineError."""
    turn, draft = _turn(rehearsal), Draft()
    await stream_turn(turn, EventLog(), draft)
    latency = milliseconds(turn)
    draft.trace.setdefault("timings", {}).update(total_ms=latency, first_token_ms=draft.first_token_ms)
    return draft, latency


def _turn(rehearsal: Rehearsal) -> PreparedTurn:
    kept = rehearsal.configuration.history_turns
    return PreparedTurn(
        question=Question(
            principal=rehearsal.principal,
            text=rehearsal.text,
            chatbot_id=rehearsal.chatbot_id,
            channel="evaluation",
            history=rehearsal.history,
        ),
        chatbot_id=rehearsal.chatbot_id,
        configuration=rehearsal.configuration,
        version=rehearsal.version,
        embedding_model=rehearsal.embedding_model,
        conversation_id=new_id(),
        question_id=new_id(),
        answer_id=new_id(),
        parent_id=None,
        visitor_id=None,
        history=rehearsal.history[-kept:] if kept else (),
        is_new=True,
        is_handed_off=False,
        created_at=datetime.now(UTC),
        started=time.perf_counter(),
        is_public=rehearsal.is_public,
        is_rehearsed=True,
    )
