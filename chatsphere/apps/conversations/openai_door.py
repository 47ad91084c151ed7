"""The OpenAI-compatible door: chatbots are models, ``/v1/chat/completions`` asks them.

The last user message is the question, those before it the history, system messages are added to the chatbot's own instructions.
Citations and ids stand under one extension key, ``chatsphere``. Parameters that do not apply are passed over, as OpenAI's clients expect.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from chatsphere.apps.conversations import openai_schemas as schemas
from chatsphere.apps.conversations.openai_requests import CompletionRequest, read_request
from chatsphere.apps.conversations.question import Overrides, Question
from chatsphere.apps.conversations.runs import Run, keeper
from chatsphere.apps.conversations.streaming import admit_visitor, channel_of, guarded_stream, spender_of
from chatsphere.apps.conversations.turn import SQL, prepare_turn
from chatsphere.apps.conversations.visitors import claim_of
from chatsphere.apps.users.credentials import authenticate_async
from chatsphere.core.async_database import autocommit
from chatsphere.core.async_views import View, async_view, json_response
from chatsphere.core.exceptions import OPENAI_PATHS, ApiError, NotFound
from chatsphere.core.middleware.errors import error_response
from chatsphere.core.parsers import parse_json
from chatsphere.core.principal import Principal
from chatsphere.core.sse import PING, read_frame, split_frames

FINISH_REASONS = {"length": "length", "blocked": "content_filter"}  # every other end is "stop"


def error_answer(error: ApiError) -> HttpResponse:
    """An error in OpenAI's shape."""
    return error_response(error, OPENAI_PATHS)


def openai_view(method: str, schema: Callable[[Any], Any], *, rate: str = "default") -> Callable[[View], View]:
    """An async view whose errors have OpenAI's shape."""
    return async_view(
        method,
        authenticate=authenticate_async,
        scope="chat",
        role="viewer",
        schema=schema,
        rate=rate,
        answer_error=error_answer,
    )


@openai_view("GET", schemas.MODELS)
async def models(_request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """The chatbots, as models."""
    return json_response({"object": "list", "data": [_model(row) for row in await _chatbots(principal)]})


@openai_view("GET", schemas.MODEL)
async def model(_request: HttpRequest, principal: Principal, name: str) -> HttpResponseBase:
    """One chatbot by id or slug."""
    for row in await _chatbots(principal):
        if name in (row["slug"], str(row["id"])):
            return json_response(_model(row))
    raise _no_model(name)


@openai_view("POST", schemas.COMPLETIONS, rate="ask")
async def completions(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Answer as a chat completion, streamed or whole."""
    wanted = read_request(parse_json(request.body))
    await admit_visitor(request, principal, claim_of(principal, None))
    try:
        run = keeper().start(await prepare_turn(_question(request, principal, wanted)))
    except NotFound as error:
        raise _no_model(wanted.model) from error
    if wanted.is_streamed:
        return guarded_stream(_chunks(run, wanted), principal)
    return json_response(_completion(run, await run.finished(), wanted))


def _question(request: HttpRequest, principal: Principal, wanted: CompletionRequest) -> Question:
    chatbot_id, slug = _name(wanted.model)
    return Question(
        principal=principal,
        text=wanted.question,
        chatbot_id=chatbot_id,
        slug=slug,
        conversation_id=wanted.conversation_id,
        visitor=claim_of(principal, None),
        spender=spender_of(request, principal, claim_of(principal, None)),
        channel=channel_of(request, principal, server="openai"),
        origin=request.headers.get("Origin"),
        history=wanted.history if wanted.conversation_id is None else None,
        overrides=Overrides(wanted.instructions, wanted.temperature, wanted.max_output_tokens),
    )


def _name(model_name: str) -> tuple[UUID | None, str | None]:
    try:
        return UUID(model_name), None
    except ValueError:
        return None, model_name


def _no_model(name: str) -> NotFound:
    return NotFound(_("There is no model `%(name)s`. See /v1/models.") % {"name": name}, type="model_not_found")


async def _chatbots(principal: Principal) -> list[dict[str, Any]]:
    async with autocommit() as connection:
        found = await connection.execute(SQL["list_chatbots"], {"workspace_id": principal.workspace_id})
        return [row for row in await found.fetchall() if principal.may_use_chatbot(row["id"])]


def _model(row: Mapping[str, Any]) -> dict[str, Any]:
    created = int(row["created_at"].timestamp())
    extension = {"id": str(row["id"]), "name": row["name"]}
    return {"id": row["slug"], "object": "model", "created": created, "owned_by": "chatsphere", "chatsphere": extension}


# --- answers -------------------------------------------------------------------------------------------------------


def _completion(run: Run, answer: Mapping[str, Any], wanted: CompletionRequest) -> dict[str, Any]:
    message = answer["message"]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": message["content"], "refusal": None},
        "logprobs": None,
        "finish_reason": _finish_reason(message),
    }
    head = _head(run, wanted, "chat.completion")
    return {**head, "choices": [choice], "usage": _usage(message), "chatsphere": _extension(answer)}


async def _chunks(run: Run, wanted: CompletionRequest) -> AsyncGenerator[bytes, None]:
    """The run's events as completion chunks; an error is OpenAI's error object, after which nothing comes."""
    head = _head(run, wanted, "chat.completion.chunk")
    yield _chunk(head, {"role": "assistant", "content": ""})
    async for piece in run.log.read():
        if piece == PING:
            yield PING
            continue
        yield b"".join(part for raw in split_frames(piece) for part in _translated(raw, head, wanted))


def _translated(raw: bytes, head: dict[str, Any], wanted: CompletionRequest) -> list[bytes]:
    _number, event, data = read_frame(raw)
    if event == "message.delta":
        return [_chunk(head, {"content": data["text"]})]
    if event == "error":
        return [
            _data({"error": {"message": data["message"], "type": "server_error", "param": None, "code": data["type"]}})
        ]
    if event != "message.completed":
        return []
    last = [_chunk(head, {}, finish_reason=_finish_reason(data["message"]), chatsphere=_extension(data))]
    if wanted.include_usage:
        last.append(_data({**head, "choices": [], "usage": _usage(data["message"])}))
    return [*last, b"data: [DONE]\n\n"]


def _chunk(head: dict[str, Any], delta: dict[str, Any], *, finish_reason: str | None = None, **extension: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _data({**head, "choices": [choice], **extension})


def _data(value: Any) -> bytes:
    return b"data: %b\n\n" % orjson.dumps(value)


def _head(run: Run, wanted: CompletionRequest, kind: str) -> dict[str, Any]:
    created = int(run.turn.created_at.timestamp())
    return {"id": f"chatcmpl-{run.turn.answer_id}", "object": kind, "created": created, "model": wanted.model}


def _usage(message: Mapping[str, Any]) -> dict[str, int]:
    return {name: message["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}


def _finish_reason(message: Mapping[str, Any]) -> str:
    return FINISH_REASONS.get(message["finish_reason"], "stop")


def _extension(answer: Mapping[str, Any]) -> dict[str, Any]:
    message = answer["message"]
    kept = ("citations", "grounded", "finish_reason", "version")
    ids = {"conversation_id": answer["conversation_id"], "message_id": message["id"]}
    return {**ids, **{name: message[name] for name in kept}}
