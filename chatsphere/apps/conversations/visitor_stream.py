"""The door to the stream of a conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from chatsphere.apps.chatbots.configuration import read_configuration
from chatsphere.apps.conversations import schemas
from chatsphere.apps.conversations.door import door
from chatsphere.apps.conversations.origins import check_origin
from chatsphere.apps.conversations.question import Question
from chatsphere.apps.conversations.selectors import is_in_reach
from chatsphere.apps.conversations.serializers import StreamFilters
from chatsphere.apps.conversations.streaming import guarded_stream
from chatsphere.apps.conversations.turn import SQL
from chatsphere.apps.conversations.visitor_door import reading_charges
from chatsphere.apps.conversations.visitors import check_visitor
from chatsphere.apps.conversations.watching import watch
from chatsphere.core.async_database import autocommit
from chatsphere.core.exceptions import NotFound
from chatsphere.core.principal import Principal
from chatsphere.core.sse import last_event_id
from chatsphere.core.throttling import admit_async

AT_ONCE_SECONDS = 0.2  # for what is there already


@door("GET", scope="chat", schema=schemas.CONVERSATION_EVENTS)
async def events(request: HttpRequest, principal: Principal, conversation_id: UUID) -> HttpResponseBase:
    """What persons write in a conversation, and who has it, behind ``Last-Event-ID``."""
    after, seconds = last_event_id(request.headers.get("Last-Event-ID")), _seconds(request)
    charges = reading_charges(request, principal)
    if charges:
        await admit_async(request, charges)
    await _find(request, principal, conversation_id)
    watch().admit(conversation_id)
    return guarded_stream(_for_a_while(watch().read(conversation_id, after), seconds), principal)


async def _find(request: HttpRequest, principal: Principal, conversation_id: UUID) -> None:
    """Raises NotFound, Forbidden (origin) or Unauthenticated, as going on with the conversation would."""
    ids = {"id": conversation_id, "workspace_id": principal.workspace_id}
    async with autocommit() as connection:
        row: dict[str, Any] | None = await (await connection.execute(SQL["find_conversation"], ids)).fetchone()
    if row is None or not is_in_reach(
        principal, chatbot_id=row["chatbot_id"], channel=row["channel"], owner=row["owner"]
    ):
        raise NotFound
    configuration = read_configuration(row["configuration"])
    check_origin(Question(principal=principal, text="", origin=request.headers.get("Origin")), configuration)
    check_visitor(principal, configuration)


def _seconds(request: HttpRequest) -> float:
    given = {name: request.GET[name] for name in ("wait",) if name in request.GET}
    wanted = StreamFilters(data=given)
    wanted.is_valid(raise_exception=True)
    return float(wanted.validated_data["wait"])


async def _for_a_while(frames: AsyncGenerator[bytes, None], seconds: float) -> AsyncGenerator[bytes, None]:
    ends_at = monotonic() + seconds
    async with aclosing(frames):
        yield b": connected\n\n"
        while True:
            left = max(ends_at - monotonic(), AT_ONCE_SECONDS)
            try:
                piece = await asyncio.wait_for(anext(frames), left)
            except (TimeoutError, StopAsyncIteration):
                return
            yield piece
            if left <= AT_ONCE_SECONDS:
                return
