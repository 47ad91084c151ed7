"""The usage ledger: one line a turn, search or training step. Lines are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from chatsphere.apps.users.models import UsageRecord
from chatsphere.apps.users.named_sql import SQL, execute_many, fetch_one
from chatsphere.core import metrics
from chatsphere.core.async_database import AsyncRows
from chatsphere.core.identifiers import new_id
from chatsphere.core.together import Part

ABSURD = 10**9
Kind = UsageRecord.Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a piece of work used. ``request_key`` makes a repeated booking harmless; ``occurred_at`` None is now; cost in micro-units."""

    workspace_id: UUID
    kind: str
    request_key: str
    occurred_at: datetime | None = None
    chatbot_id: UUID | None = None
    conversation_id: UUID | None = None
    message_id: UUID | None = None
    visitor_id: UUID | None = None
    api_key_id: UUID | None = None
    user_id: UUID | None = None
    channel: str = ""
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    embedding_tokens: int = 0
    cost_micros: int = 0
    currency: str = "USD"
    latency_ms: int | None = None
    first_token_ms: int | None = None
    finish_reason: str = ""


def record_usage(usage: Usage) -> bool:
    """Write a line in the caller's transaction; False when it stood there already. Impossible token counts become 0."""
    return fetch_one("record_usage", _parameters(usage)) is not None


def record_usages(usages: Sequence[Usage]) -> None:
    """``record_usage`` of several, sent together."""
    execute_many("record_usage", [_parameters(usage) for usage in usages])


async def record_usage_async(connection: AsyncRows, usage: Usage) -> bool:
    """The same on an async connection, in its transaction."""
    result = await connection.execute(SQL["record_usage"], _parameters(usage))
    return await result.fetchone() is not None


def usage_part(usage: Usage) -> Part:
    """The same, to be executed together with others."""
    return Part(SQL["record_usage"], _parameters(usage))


def _parameters(usage: Usage) -> dict[str, Any]:
    values = {field.name: getattr(usage, field.name) for field in fields(usage)}
    for name in ("prompt_tokens", "completion_tokens", "embedding_tokens"):
        values[name] = values[name] if 0 <= values[name] <= ABSURD else 0
    _count(usage, values)
    return {"id": new_id(), **values}


def _count(usage: Usage, values: dict[str, Any]) -> None:
    provider = metrics.provider_of(usage.model)
    for kind in ("prompt", "completion", "embedding"):
        if values[f"{kind}_tokens"]:
            metrics.tokens.labels(provider, kind).inc(values[f"{kind}_tokens"])
    if usage.cost_micros > 0:
        metrics.cost.labels(provider, usage.currency).inc(usage.cost_micros)
