"""The door to the stream of a conversation."""

from __future__ import annotations

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

LONGEST_SECONDS = 900.0  # after which a reader comes back behind the last event it has


@door("GET", scope="chat", schema=schemas.CONVERSATION_EVENTS)
async def events(request: HttpRequest, principal: Principal, conversation_id: UUID) -> HttpResponseBase:
    """What persons write in a conversation, and who has it, behind ``Last-Event-ID``."""
    after = last_event_id(request.headers.get("Last-Event-ID"))
    charges = reading_charges(request, principal)
    if charges:
        await admit_async(request, charges)
    await _find(request, principal, conversation_id)
    watch().admit(conversation_id)
    return guarded_stream(_for_a_while(watch().read(conversation_id, after)), principal)


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


async def _for_a_while(frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    ends_at = monotonic() + LONGEST_SECONDS
    async with aclosing(frames):
        yield b": connected\n\n"
        async for piece in frames:
            yield piece
            if monotonic() >= ends_at:
                return
