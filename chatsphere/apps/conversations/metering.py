"""Quota and usage of a turn: reserved before the model is asked, settled to what was used, booked once."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import connection as django_connection

from chatsphere.apps.conversations.answer import Draft
from chatsphere.apps.conversations.prepared import PreparedTurn
from chatsphere.apps.conversations.prices import cost_micros
from chatsphere.apps.users import quota
from chatsphere.apps.users.ledger import Kind, Usage, record_usage, record_usage_async
from chatsphere.apps.users.quota import Metric, chat_amounts
from chatsphere.core.async_database import AsyncRows
from chatsphere.core.principal import Principal
from chatsphere.services.ai.tokens import estimate_tokens
from chatsphere.services.sql import statements
from chatsphere.services.types import TokenUsage

PROMPT_TOKENS = 2_000  # what a prompt of 6 KB may count


async def reserve(connection: AsyncRows, turn: PreparedTurn, *, counts_tokens: bool) -> None:
    """Claim a message and, for a model that is paid by the token, as many tokens as the answer may take. Raises QuotaExceeded."""
    tokens = PROMPT_TOKENS + turn.configuration.max_output_tokens if counts_tokens else 0
    amounts = chat_amounts(turn.chatbot_id, tokens=tokens)
    await quota.reserve_async(
        connection, workspace_id=turn.workspace_id, request_key=str(turn.answer_id), amounts=amounts
    )


async def record(connection: AsyncRows, turn: PreparedTurn, draft: Draft, columns: dict[str, Any]) -> None:
    """Settle the reservation and book the line. An answer that failed without a word costs nothing."""
    held: dict[str, Any] = {"workspace_id": turn.workspace_id, "request_key": str(turn.answer_id)}
    total = draft.usage.prompt_tokens + draft.usage.completion_tokens
    if draft.error is not None and not draft.parts:
        await quota.release_async(connection, **held)
    else:
        await quota.settle_async(connection, **held, actual={Metric.TOKENS: total})
    await record_usage_async(connection, _usage(turn, draft, columns))


def _usage(turn: PreparedTurn, draft: Draft, columns: dict[str, Any]) -> Usage:
    principal = turn.question.principal
    return Usage(
        workspace_id=turn.workspace_id,
        kind=Kind.CHAT,
        request_key=request_key(turn.answer_id),
        chatbot_id=turn.chatbot_id,
        conversation_id=turn.conversation_id,
        message_id=turn.answer_id,
        visitor_id=turn.visitor_id,
        api_key_id=principal.api_key_id,
        user_id=principal.user_id,
        channel=turn.question.channel,
        model=draft.model,
        prompt_tokens=draft.usage.prompt_tokens,
        completion_tokens=draft.usage.completion_tokens,
        cost_micros=columns["cost_micros"],
        currency=columns["currency"],
        latency_ms=columns["latency_ms"],
        first_token_ms=draft.first_token_ms,
        finish_reason=draft.finish_reason.value,
    )


def settle_abandoned(row: dict[str, Any]) -> None:
    """The same for an answer whose process died, from its row and its conversation (whoever began that is taken for the asker): what it
    had said is counted here, once. Joins the caller's transaction."""
    held = {"workspace_id": row["workspace_id"], "request_key": str(row["id"])}
    if not row["content"]:
        quota.release(**held)
        return
    used = TokenUsage(row["prompt_tokens"], estimate_tokens(row["content"]), is_estimated=True)
    quota.settle(**held, actual={Metric.TOKENS: used.prompt_tokens + used.completion_tokens})
    usage = _abandoned_usage(row, used)
    record_usage(usage)
    with django_connection.cursor() as cursor:
        cursor.execute(statements("chatsphere.apps.conversations")["count_abandoned"], asdict(usage))


def _abandoned_usage(row: dict[str, Any], used: TokenUsage) -> Usage:
    cost, currency = cost_micros(row["model"], used)
    known = (
        "workspace_id",
        "chatbot_id",
        "conversation_id",
        "visitor_id",
        "api_key_id",
        "user_id",
        "channel",
        "model",
        "first_token_ms",
    )
    return Usage(
        **{name: row[name] for name in known},
        kind=Kind.CHAT,
        request_key=request_key(row["id"]),
        message_id=row["id"],
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        cost_micros=cost,
        currency=currency,
        finish_reason="error",
    )


def request_key(message_id: object) -> str:
    """Under which an answer is booked; a second booking finds it."""
    return f"chat:{message_id}"


async def book_rehearsal(
    connection: AsyncRows, *, key: str, principal: Principal, chatbot_id: UUID, draft: Draft, latency_ms: int
) -> None:
    """Settle what was reserved under ``key`` for an answer that is not kept, and book its line."""
    total = draft.usage.prompt_tokens + draft.usage.completion_tokens
    workspace_id = principal.workspace_id
    await quota.settle_async(connection, workspace_id=workspace_id, request_key=key, actual={Metric.TOKENS: total})
    cost, currency = cost_micros(draft.model, draft.usage)
    usage = Usage(
        workspace_id=workspace_id,
        kind=Kind.CHAT,
        request_key=key,
        chatbot_id=chatbot_id,
        api_key_id=principal.api_key_id,
        user_id=principal.user_id,
        channel="evaluation",
        model=draft.model,
        prompt_tokens=draft.usage.prompt_tokens,
        completion_tokens=draft.usage.completion_tokens,
        cost_micros=cost,
        currency=currency,
        latency_ms=latency_ms,
        first_token_ms=draft.first_token_ms,
        finish_reason=draft.finish_reason.value,
    )
    await record_usage_async(connection, usage)
