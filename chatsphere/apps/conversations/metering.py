"""Quota and usage of a turn: reserved before the model is asked, settled to what was used, booked once."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection as django_connection

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.apps.conversations import follow_ups
from chatsphere.apps.conversations.answer import Draft
from chatsphere.apps.conversations.prepared import PreparedTurn
from chatsphere.apps.conversations.prices import cost_micros, estimated_cost
from chatsphere.apps.users import quota
from chatsphere.apps.users.ledger import Kind, Usage, record_usage, record_usage_async, usage_part
from chatsphere.apps.users.quota import Amount, Metric, budget_amounts, chat_amounts
from chatsphere.core.async_database import AsyncRows
from chatsphere.core.principal import Principal
from chatsphere.core.together import Part
from chatsphere.services.ai.tokens import estimate_tokens
from chatsphere.services.sql import statements
from chatsphere.services.types import TokenUsage

PROMPT_TOKENS = 2_000  # what a prompt of 6 KB may count


async def reserve(connection: AsyncRows, turn: PreparedTurn, *, counts_tokens: bool) -> None:
    """Claim a message and, for a model that is paid by the token, as many tokens as the answer may take. Raises QuotaExceeded."""
    rewriting = follow_ups.RESERVED_TOKENS if counts_tokens and follow_ups.may_be_rewritten(turn) else 0
    tokens = PROMPT_TOKENS + turn.configuration.max_output_tokens + rewriting if counts_tokens else 0
    amounts = chat_amounts(turn.chatbot_id, tokens=tokens)
    if counts_tokens:
        cost = cost_of_an_answer(turn.configuration, instructions=turn.question.overrides.instructions)
        cost += estimated_cost(_model(turn.configuration), prompt_tokens=rewriting, completion_tokens=0)
        amounts += budget_amounts(turn.chatbot_id, cost_micros=cost, visitor=turn.question.spender)
    await quota.reserve_async(
        connection, workspace_id=turn.workspace_id, request_key=str(turn.answer_id), amounts=amounts
    )


def cost_of_an_answer(configuration: Configuration, *, instructions: str = "") -> int:
    """Micro-units that one answer may cost: a full prompt with the chatbot's own instructions, and as many words as it may say."""
    prompt = PROMPT_TOKENS + estimate_tokens(configuration.system_prompt) + estimate_tokens(instructions)
    return estimated_cost(
        _model(configuration),
        prompt_tokens=prompt,
        completion_tokens=configuration.max_output_tokens,
    )


def _model(configuration: Configuration) -> str:
    return configuration.model or settings.CHAT_MODEL


def rehearsal_amounts(configuration: Configuration, chatbot_id: UUID, *, count: int = 1) -> tuple[Amount, ...]:
    """What answers that nobody keeps need: messages of the month, tokens and budget of a model that is paid for. Not the chatbot's messages a day."""
    messages = Amount(Metric.MESSAGES, count)
    if (configuration.model or settings.CHAT_MODEL) == "extractive":
        return (messages,)
    tokens = Amount(Metric.TOKENS, count * (PROMPT_TOKENS + configuration.max_output_tokens))
    cost = count * cost_of_an_answer(configuration)
    return (messages, tokens, *budget_amounts(chatbot_id, cost_micros=cost))


def ending_parts(turn: PreparedTurn, draft: Draft, columns: dict[str, Any]) -> list[Part]:
    """What settles the reservation and books the line. An answer that failed without a word costs nothing."""
    held: dict[str, Any] = {"workspace_id": turn.workspace_id, "request_key": str(turn.answer_id)}
    total = draft.usage.prompt_tokens + draft.usage.completion_tokens
    if draft.error is not None and not draft.parts:
        settled = quota.release_part(**held)
    else:
        settled = quota.settlement_part(**held, actual={Metric.TOKENS: total}, cost_micros=columns["cost_micros"])
    return [settled, usage_part(_usage(turn, draft, columns))]


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
    usage = _abandoned_usage(row, used)
    total = used.prompt_tokens + used.completion_tokens
    quota.settle(**held, actual={Metric.TOKENS: total}, cost_micros=usage.cost_micros)
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
    cost, currency = cost_micros(draft.model, draft.usage)
    await quota.settle_async(
        connection, workspace_id=workspace_id, request_key=key, actual={Metric.TOKENS: total}, cost_micros=cost
    )
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
