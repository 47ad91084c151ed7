"""Live progress of a source as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema

from chatsphere.apps.training.models import TrainingSource
from chatsphere.apps.training.serializers import SourceSerializer
from chatsphere.apps.users.credentials import authenticate_async, is_still_good
from chatsphere.core.async_database import pool
from chatsphere.core.async_views import async_view
from chatsphere.core.exceptions import NotFound
from chatsphere.core.principal import Principal
from chatsphere.core.sse import EventStreamResponse, frame, with_pings
from chatsphere.services.sql import statements

POLL_SECONDS: Final = 0.5
CHECK_EVERY: Final = 8  # polls after which the credential is looked at again
ENDED: Final = (
    TrainingSource.Status.READY,
    TrainingSource.Status.PARTIAL,
    TrainingSource.Status.FAILED,
    TrainingSource.Status.CANCELLED,
)


@async_view(
    "GET",
    authenticate=authenticate_async,
    scope="sources:read",
    role="viewer",
    schema=extend_schema(
        operation_id="sources_events",
        description=(
            "Server-sent events: `source.progress` with the source whenever it changed, then `source.ended` with its last state;"
            " `source.deleted` when it was deleted meanwhile."
        ),
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
        tags=["training"],
    ),
)
async def events(request: HttpRequest, principal: Principal, source_id: UUID) -> HttpResponseBase:  # noqa: ARG001
    """Follow a source until it is ready, failed or cancelled."""
    first = await _read(principal, source_id)
    if first is None:
        raise NotFound
    return EventStreamResponse(with_pings(_frames(principal, source_id, first)))


async def _frames(principal: Principal, source_id: UUID, source: TrainingSource | None) -> AsyncIterator[bytes]:
    number, shown = 0, None
    while source is not None:
        if source.updated_at != shown:
            number, shown = number + 1, source.updated_at
            is_over = source.status in ENDED
            yield frame(number, "source.ended" if is_over else "source.progress", SourceSerializer(source).data)
            if is_over:
                return
        for _poll in range(CHECK_EVERY):
            await asyncio.sleep(POLL_SECONDS)
            source = await _read(principal, source_id)
            if source is None or source.updated_at != shown:
                break
        else:
            if not await is_still_good(principal):
                return
    yield frame(number + 1, "source.deleted", {"id": str(source_id)})


async def _read(principal: Principal, source_id: UUID) -> TrainingSource | None:
    keys = None if principal.chatbot_ids is None else list(principal.chatbot_ids)
    parameters: dict[str, Any] = {"source": source_id, "workspace": principal.workspace_id, "chatbots": keys}
    async with (await pool()).connection() as connection:
        cursor = await connection.execute(statements("chatsphere.apps.training")["show_source"], parameters)
        row = await cursor.fetchone()
    return TrainingSource(**row) if row else None
