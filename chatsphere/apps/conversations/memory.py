"""What was said before the turns that a prompt shows, in short: written by the chat model, in the background, after an answer.

A conversation has one memory. It holds the turns up to ``memory_until``; a branch that does not lead past that message does without.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings

from chatsphere.apps.conversations.guardrails import Words, seen_by_model
from chatsphere.apps.conversations.metering import PROMPT_TOKENS
from chatsphere.apps.conversations.prepared import PreparedTurn
from chatsphere.apps.conversations.prices import cost_micros, estimated_cost
from chatsphere.apps.users import quota
from chatsphere.apps.users.ledger import Kind, Usage, record_usage_async
from chatsphere.apps.users.quota import Amount, Metric, budget_amounts
from chatsphere.core import engines
from chatsphere.core.async_database import DATABASE_AWAY, pool
from chatsphere.core.exceptions import QuotaExceeded
from chatsphere.core.identifiers import new_id
from chatsphere.services.ai.prompts import memory_prompt, shown_turns
from chatsphere.services.errors import EngineError
from chatsphere.services.sql import statements
from chatsphere.services.types import ChatDone, TextDelta, TokenUsage, Turn

logger = logging.getLogger("chatsphere.conversations")
LEAST_NEW = 1  # message that must have fallen out of the prompt before it is summed up: the first may name the visitor
LONGEST_MEMORY = 700  # characters
MEMORY_TOKENS = 200

_tasks: set[asyncio.Task[None]] = set()


def split_history(
    turns: Sequence[Turn], ids: Sequence[UUID], *, shown: int, memory: str, memory_until: UUID | None
) -> tuple[str, tuple[Turn, ...], UUID | None]:
    """The memory that fits this branch, the older turns that it does not hold yet, and the id of the last of these."""
    older = len(turns) - shown if shown else len(turns)
    known = ids.index(memory_until) + 1 if memory_until in ids else 0
    usable = memory if 0 < known <= older else ""
    start = known if usable else 0
    last = ids[older - 1] if 0 < older <= len(ids) else None
    return usable, tuple(turns[start:older]), last


def remember_later(turn: PreparedTurn, answer: str) -> None:
    """Sum up what the next prompt will not show, when a model can do it. Never fails or delays the answer."""
    can_write = (turn.configuration.model or settings.CHAT_MODEL) != "extractive"
    if not can_write or turn.question.history is not None:
        return
    said = (*turn.turns, Turn("user", turn.question.text), Turn("assistant", answer))
    ids = (*turn.turn_ids, turn.question_id, turn.answer_id)
    shown = min(turn.configuration.history_turns, shown_turns(said))
    memory, older, until = split_history(
        said, ids, shown=shown, memory=turn.stored_memory, memory_until=turn.memory_until
    )
    if until is not None and len(older) >= LEAST_NEW:
        task = asyncio.create_task(_remember(turn, memory, older, until))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)


async def _remember(turn: PreparedTurn, memory: str, older: tuple[Turn, ...], until: UUID) -> None:
    key = f"memory:{new_id().hex}"
    workspace_id = turn.workspace_id
    try:
        async with (await pool()).connection() as connection:
            cost = estimated_cost(
                turn.configuration.model or settings.CHAT_MODEL,
                prompt_tokens=PROMPT_TOKENS,
                completion_tokens=MEMORY_TOKENS,
            )
            tokens = Amount(Metric.TOKENS, PROMPT_TOKENS + MEMORY_TOKENS)
            amounts = (tokens, *budget_amounts(turn.chatbot_id, cost_micros=cost))
            await quota.reserve_async(connection, workspace_id=workspace_id, request_key=key, amounts=amounts)
        text, model, usage = await _written(turn, memory, older)
        async with (await pool()).connection() as connection:
            await connection.execute(
                statements("chatsphere.apps.conversations")["keep_memory"], _row(turn, text, until)
            )
            total = usage.prompt_tokens + usage.completion_tokens
            await quota.settle_async(
                connection,
                workspace_id=workspace_id,
                request_key=key,
                actual={Metric.TOKENS: total},
                cost_micros=cost_micros(model, usage)[0],
            )
            await record_usage_async(connection, _usage(turn, key, model, usage))
    except (
        EngineError,
        QuotaExceeded,
        *DATABASE_AWAY,
    ) as error:  # the next turn tries again; what is held is released by the clock
        logger.warning("Older turns of conversation %s were not summed up: %s", turn.conversation_id, error)


async def _written(turn: PreparedTurn, memory: str, older: tuple[Turn, ...]) -> tuple[str, str, TokenUsage]:
    words, _ = seen_by_model(Words("", older, memory), turn.configuration)
    model, parts, usage = engines.chat_model(turn.configuration.model), [], TokenUsage()
    name = model.name
    prompt = memory_prompt(
        words.memory, words.history, language=turn.configuration.language, max_output_tokens=MEMORY_TOKENS
    )
    async for event in model.stream(prompt):
        if isinstance(event, TextDelta):
            parts.append(event.text)
        elif isinstance(event, ChatDone):
            usage = event.usage
    return "".join(parts).strip()[:LONGEST_MEMORY], name, usage


def _row(turn: PreparedTurn, text: str, until: UUID) -> dict[str, Any]:
    return {
        "id": turn.conversation_id,
        "workspace_id": turn.workspace_id,
        "memory": text,
        "until": until if text else None,
    }


def _usage(turn: PreparedTurn, key: str, model: str, usage: TokenUsage) -> Usage:
    cost, currency = cost_micros(model, usage)
    return Usage(
        workspace_id=turn.workspace_id,
        kind=Kind.CHAT,
        request_key=key,
        chatbot_id=turn.chatbot_id,
        conversation_id=turn.conversation_id,
        channel="memory",
        model=model,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost_micros=cost,
        currency=currency,
    )
