"""A chatbot as an MCP server: what its two tools are called, take and give.

A server is made for each request, around the chatbot and the caller of that request: nothing is shared between tenants, and any web process
answers. Importing this module loads the SDK (about 60 MB); ``mcp_door`` does so when somebody asks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, TextContent, Tool, ToolAnnotations

from chatsphere.apps.conversations.question import Question
from chatsphere.apps.conversations.runs import keeper
from chatsphere.apps.conversations.serializers import ChatSerializer, SearchSerializer
from chatsphere.apps.conversations.streaming import admit_visitor, channel_of, search_chatbot, spender_of
from chatsphere.apps.conversations.turn import prepare_turn
from chatsphere.apps.conversations.visitors import claim_of
from chatsphere.core.exceptions import ApiError, Invalid, as_api_error
from chatsphere.core.principal import Principal
from chatsphere.core.throttling import admit_async, charges_for

SEARCH_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "description": "What to look for, as a question or in a few words."},
        "k": {
            "type": "integer",
            "minimum": 1,
            "maximum": 50,
            "description": "How many passages at most; 8 by default.",
        },
    },
    "required": ["query"],
    "additionalProperties": False,
}
ASK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "question": {"type": "string", "description": "A question in plain words."},
        "conversation_id": {
            "type": "string",
            "format": "uuid",
            "description": "Goes on with an earlier conversation: the `conversation_id` of its last answer.",
        },
    },
    "required": ["question"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who asks which chatbot."""

    request: HttpRequest
    principal: Principal
    chatbot: Mapping[str, Any]


async def answer(request: HttpRequest, principal: Principal, chatbot: Mapping[str, Any]) -> HttpResponse:
    """The SDK's answer to one request. Tools that fail say so in their result; only a broken message is an error of the protocol."""
    manager = StreamableHTTPSessionManager(
        _server(_Caller(request, principal, chatbot)), json_response=True, stateless=True
    )
    taken = _Taken(request)
    async with manager.run():
        await manager.handle_request(taken.scope, taken.receive, taken.send)
    return taken.response()


def _server(caller: _Caller) -> Server[Any]:
    async def list_tools(_context: Any, _params: Any) -> ListToolsResult:
        return ListToolsResult(tools=tools(str(caller.chatbot["name"])))

    async def call_tool(_context: Any, params: CallToolRequestParams) -> CallToolResult:
        return await _call(caller, params.name, params.arguments or {})

    return Server("chatsphere", title=str(caller.chatbot["name"]), on_list_tools=list_tools, on_call_tool=call_tool)


def tools(name: str) -> list[Tool]:
    """What a client is told of the tools of a chatbot with this name."""
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    return [
        Tool(
            name="search",
            title=f"Search {name}",
            description=f"Finds the passages of {name}'s documents that fit a question, with title, page and address of each.",
            input_schema=SEARCH_SCHEMA,
            annotations=reads,
        ),
        Tool(
            name="ask",
            title=f"Ask {name}",
            description=f"Asks {name}. The answer rests on its documents and cites them; it says so when they hold none.",
            input_schema=ASK_SCHEMA,
            annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False),
        ),
    ]


async def _call(caller: _Caller, name: str, arguments: dict[str, Any]) -> CallToolResult:
    tool = _TOOLS.get(name)
    try:
        if tool is None:
            raise Invalid(_("There is no tool `%(name)s`; there are `search` and `ask`.") % {"name": name})
        await admit_async(caller.request, charges_for(caller.request, caller.principal, "ask"))
        return await tool(caller, arguments)
    except Exception as exception:
        error = as_api_error(exception)
        if error is None:
            raise
        return CallToolResult(content=[_text(_sentence(error))], is_error=True)


async def _search(caller: _Caller, arguments: dict[str, Any]) -> CallToolResult:
    form = SearchSerializer(data=arguments)
    form.is_valid(raise_exception=True)
    results = await search_chatbot(caller.request, caller.principal, caller.chatbot, form.validated_data)
    passages = [f"[{each['rank']}] {each['title']}{_page(each)}\n{each['text']}" for each in results]
    structured = _plain({"results": results})
    return CallToolResult(
        content=[_text("\n\n".join(passages) or _("Nothing was found."))], structured_content=structured
    )


async def _ask(caller: _Caller, arguments: dict[str, Any]) -> CallToolResult:
    wanted = {name: value for name, value in arguments.items() if name != "question"}
    form = ChatSerializer(data={**wanted, "message": arguments.get("question", "")})
    form.is_valid(raise_exception=True)
    principal, visitor = caller.principal, claim_of(caller.principal, None)
    await admit_visitor(caller.request, principal, visitor)
    question = Question(
        principal=principal,
        text=form.validated_data["message"],
        chatbot_id=caller.chatbot["chatbot_id"],
        conversation_id=form.validated_data["conversation_id"],
        visitor=visitor,
        spender=spender_of(caller.request, principal, visitor),
        channel=channel_of(caller.request, principal),
        origin=caller.request.headers.get("Origin"),
    )
    given = await keeper().start(await prepare_turn(question)).finished()
    message = given["message"]
    kept = ("content", "citations", "grounded", "finish_reason")
    structured = {name: message[name] for name in kept}
    ids = {"conversation_id": given["conversation_id"], "message_id": message["id"]}
    sources = [f"[{c['index']}] {c['title']}{_page(c)} {c['url']}".rstrip() for c in message["citations"]]
    return CallToolResult(
        content=[_text("\n".join([message["content"], *sources]))], structured_content=_plain({**structured, **ids})
    )


_TOOLS: dict[str, Callable[[_Caller, dict[str, Any]], Awaitable[CallToolResult]]] = {"search": _search, "ask": _ask}


def _page(place: Mapping[str, Any]) -> str:
    return f", p. {place['page']}" if place["page"] else ""


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def _plain(value: Any) -> dict[str, Any]:
    """Without UUIDs and times."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(value))
    return plain


def _sentence(error: ApiError) -> str:
    fields = "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in (error.fields or {}).items())
    return f"{error.message} {fields}".strip()


class _Taken:
    """A request of Django's as the SDK wants it, and its answer as Django wants it."""

    def __init__(self, request: HttpRequest) -> None:
        self.scope = {**request.scope, "path": "/mcp"}  # type: ignore[attr-defined]  # behind this door there are ASGI requests only
        self._body: bytes | None = request.body
        self._status = 500
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []

    async def receive(self) -> dict[str, Any]:
        if self._body is None:
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message["headers"])
        else:
            self._parts.append(message.get("body", b""))

    def response(self) -> HttpResponse:
        response = HttpResponse(b"".join(self._parts), status=self._status)
        for name, value in self._headers:
            if name.lower() != b"content-length":
                response.headers[name.decode("ascii")] = value.decode("latin-1")
        return response
