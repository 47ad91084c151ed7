"""The MCP door of a chatbot: streamable HTTP without sessions, answered by the official SDK.

Who asks, their limits and the OpenAPI document are those of the other doors; the SDK speaks the protocol. It is loaded by the first request,
so that a deployment without MCP clients carries nothing of it.
"""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from chatsphere.apps.conversations import schemas
from chatsphere.apps.conversations.door import door
from chatsphere.apps.conversations.streaming import find_chatbot
from chatsphere.core.async_views import require_json
from chatsphere.core.principal import Principal


@door("POST", scope="chat", schema=schemas.MCP)
async def mcp(request: HttpRequest, principal: Principal, chatbot_id: UUID) -> HttpResponseBase:
    """One message of the Model Context Protocol; the tools are `search` and `ask`."""
    require_json(request)
    chatbot = await find_chatbot(chatbot_id, principal)
    answer = import_string("chatsphere.apps.conversations.mcp_server.answer")
    response: HttpResponseBase = await answer(request, principal, chatbot)
    return response
