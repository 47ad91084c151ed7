"""The official MCP client against a chatbot's MCP door, unchanged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from chatsphere.apps.conversations.models import Conversation
from chatsphere.apps.users.actions import create_key
from chatsphere.config.asgi import handler
from chatsphere.services.errors import UpstreamTimeout
from tests.apps.conversations.world import Caller, ScriptedModel, read_all, rows

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "Where are the spare chargers kept?"
ANSWER = "Spare chargers are kept in locker B-17 [1]."


@asynccontextmanager
async def connected(token: str, chatbot: Any, *, mode: Any = "auto") -> AsyncIterator[Client]:
    http = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(handler), headers={"Authorization": f"Bearer {token}"}, timeout=20
    )
    url = f"http://localhost/api/v1/chatbots/{chatbot.pk}/mcp/"
    async with http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        yield client


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_of_either_generation_finds_the_tools_and_is_answered(
    caller: Caller, chatbot: Any, model: ScriptedModel, mode: str
) -> None:
    async with connected(caller.token, chatbot, mode=mode) as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(listed) == {"search", "ask"}
        assert "Help" in (listed["ask"].description or "")
        answered = await client.call_tool("ask", {"question": QUESTION})
    assert not answered.is_error
    assert answered.structured_content is not None
    assert answered.structured_content["content"] == ANSWER
    assert answered.structured_content["citations"][0]["title"] == "Handbook"
    assert answered.content[0].text.startswith(ANSWER)  # type: ignore[union-attr]
    [conversation] = await rows(Conversation)
    assert str(conversation.pk) == answered.structured_content["conversation_id"]


async def test_search_gives_passages_and_calls_no_model(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    async with connected(caller.token, chatbot) as client:
        found = await client.call_tool("search", {"query": "spare chargers", "k": 1})
    assert found.structured_content is not None
    [result] = found.structured_content["results"]
    assert "locker B-17" in result["text"]
    assert model.prompts == []


async def test_a_conversation_goes_on(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    async with connected(caller.token, chatbot) as client:
        first = await client.call_tool("ask", {"question": QUESTION})
        again = {"question": "And why?", "conversation_id": (first.structured_content or {})["conversation_id"]}
        await client.call_tool("ask", again)
    assert [turn.text for turn in model.prompts[-1].history][:1] == [QUESTION]
    assert len(await rows(Conversation)) == 1


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("ask", {"question": " "}, "message"),
        ("search", {}, "query"),
        ("search", {"query": "x", "k": 1000}, "k"),
        ("ask", {"question": "x", "conversation_id": "01980000-0000-7000-8000-000000000000"}, "conversation"),
        ("dig", {}, "no tool"),
    ],
)
async def test_a_call_that_cannot_be_done_says_why(
    caller: Caller, chatbot: Any, model: ScriptedModel, tool: str, arguments: dict[str, Any], says: str
) -> None:
    async with connected(caller.token, chatbot) as client:
        await client.list_tools()
        answered = await client.call_tool(tool, arguments)
    assert answered.is_error
    assert says in answered.content[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize(("tool", "argument"), [("search", "query"), ("ask", "question")])
@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
async def test_no_argument_holds_what_no_column_holds(
    caller: Caller, chatbot: Any, model: ScriptedModel, tool: str, argument: str, text: str
) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {argument: text}}}
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
    answer = await caller.post(f"/api/v1/chatbots/{chatbot.pk}/mcp/", call, **headers)
    told = await read_all(answer) if answer.streaming else answer.content
    assert answer.status_code in (200, 400)
    assert b'"error"' in told or b'"isError":true' in told.replace(b" ", b"")
    assert model.prompts == []


async def test_a_model_that_fails_is_an_answer_too(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    model.error, model.pieces = UpstreamTimeout(), ()
    async with connected(caller.token, chatbot) as client:
        answered = await client.call_tool("ask", {"question": QUESTION})
    assert answered.is_error


async def test_only_those_who_may_chat_come_in(
    caller: Caller, stranger: Caller, chatbot: Any, alice: Any, token_of: Callable[[Any], str]
) -> None:
    path = f"/api/v1/chatbots/{chatbot.pk}/mcp/"
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream"}
    assert (await stranger.post(path, message, **headers)).status_code == 404
    assert (await Caller("cs_sk_none").post(path, message, **headers)).status_code == 401
    key = await sync_to_async(create_key)(
        workspace_id=chatbot.workspace_id, created_by=alice.pk, name="reader", scopes=["chatbots:read"]
    )
    assert (await Caller(key.secret).post(path, message, **headers)).status_code == 403
    assert (await caller.post(path, message, **headers)).status_code == 200
    assert (await caller.get(path, **headers)).status_code == 405
    assert (await caller.post(path, {"no": "message"}, **headers)).status_code == 400


async def test_a_body_that_is_not_called_json_is_refused_as_everywhere(caller: Caller, chatbot: Any) -> None:
    answer = await AsyncClient().post(
        f"/api/v1/chatbots/{chatbot.pk}/mcp/",
        b"{}",
        content_type="text/plain",
        headers={"Authorization": f"Bearer {caller.token}"},
    )
    assert answer.status_code == 415
    assert answer.json()["error"]["type"] == "unsupported_media_type"


def test_the_sdk_is_loaded_by_the_first_request_only() -> None:
    code = "import chatsphere.config.asgi, sys; from django.urls import get_resolver; get_resolver().url_patterns; print('mcp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
