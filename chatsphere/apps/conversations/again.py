"""Asking differently: a question edited and sent again, and an answer beside the one that other settings would give."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.configuration import merge, read_configuration
from chatsphere.apps.conversations import schemas
from chatsphere.apps.conversations.answer import Draft, answer_object
from chatsphere.apps.conversations.door import door
from chatsphere.apps.conversations.metering import book_rehearsal, rehearsal_amounts
from chatsphere.apps.conversations.prices import cost_micros
from chatsphere.apps.conversations.question import Question
from chatsphere.apps.conversations.rehearsal import Rehearsal, rehearse
from chatsphere.apps.conversations.runs import keeper
from chatsphere.apps.conversations.selectors import is_in_reach
from chatsphere.apps.conversations.serializers import EditSerializer, ReplaySerializer
from chatsphere.apps.conversations.streaming import answer_run, channel_of, spender_of
from chatsphere.apps.conversations.turn import SQL, prepare_turn
from chatsphere.apps.conversations.visitors import claim_of
from chatsphere.apps.users import quota
from chatsphere.core.async_database import autocommit, pool
from chatsphere.core.async_views import json_response, read_body
from chatsphere.core.exceptions import Invalid, NotFound
from chatsphere.core.identifiers import new_id
from chatsphere.core.principal import Principal
from chatsphere.services.types import Turn


@door("POST", scope="chat", schema=schemas.EDIT, rate="ask")
async def edit(request: HttpRequest, principal: Principal, message_id: UUID) -> HttpResponseBase:
    """Ask a question of the conversation in other words, as a branch beside the first."""
    body = read_body(request, EditSerializer)
    row = await _found("find_asked", message_id, principal)
    question = Question(
        principal=principal,
        text=body["message"],
        chatbot_id=row["chatbot_id"],
        conversation_id=row["conversation_id"],
        spender=spender_of(request, principal, claim_of(principal, None)),
        channel=channel_of(request, principal),
        origin=request.headers.get("Origin"),
        follows=row["follows"],
        edits=message_id,
    )
    run = keeper().start(await prepare_turn(question))
    return await answer_run(run, is_streamed=body["stream"])


@door("POST", scope="evaluations:write", role="editor", schema=schemas.REPLAY, rate="ask")
async def replay(request: HttpRequest, principal: Principal, message_id: UUID) -> HttpResponseBase:
    """Answer a question of the past once more with other settings; nothing of it is stored but its usage."""
    body = read_body(request, ReplaySerializer)
    row = await _found("find_to_replay", message_id, principal, number=body["version"])
    if body["version"] is not None and row["wanted"] is None:
        raise Invalid(fields={"version": [_("There is no version with this number.")]})
    stored = row["wanted"] if body["version"] is not None else row["configuration"]
    configuration = read_configuration(merge(stored, body["configuration"]))
    rehearsal = Rehearsal(
        principal=principal,
        chatbot_id=row["chatbot_id"],
        configuration=configuration,
        embedding_model=row["embedding_model"],
        text=row["text"],
        history=tuple(Turn(role, text) for role, text in row["history"] or []),
        version=body["version"],
    )
    original = await _found("find_answer", message_id, principal)
    draft, latency = await _paid(rehearsal)
    return json_response({"original": answer_object(original), "replay": _shown(rehearsal, draft, latency)})


async def _paid(rehearsal: Rehearsal) -> tuple[Draft, int]:
    """Rehearse with the quota held and booked. Raises QuotaExceeded, EngineError."""
    workspace_id, key = rehearsal.principal.workspace_id, f"replay:{new_id().hex}"
    async with (await pool()).connection() as connection:
        await quota.reserve_async(
            connection,
            workspace_id=workspace_id,
            request_key=key,
            amounts=rehearsal_amounts(rehearsal.configuration, rehearsal.chatbot_id),
        )
    try:
        draft, latency = await rehearse(rehearsal)
    except BaseException:
        async with (await pool()).connection() as connection:
            await quota.release_async(connection, workspace_id=workspace_id, request_key=key)
        raise
    async with (await pool()).connection() as connection:
        await book_rehearsal(
            connection, key=key, principal=rehearsal.principal, chatbot_id=rehearsal.chatbot_id, draft=draft, latency_ms=latency
        )  # fmt: skip
    return draft, latency


def _shown(rehearsal: Rehearsal, draft: Draft, latency: int) -> dict[str, Any]:
    cost, currency = cost_micros(draft.model, draft.usage)
    usage = draft.usage
    return {
        "content": draft.text,
        "citations": draft.citations,
        "grounded": draft.grounded,
        "ungrounded": draft.ungrounded,
        "finish_reason": draft.finish_reason.value,
        "model": draft.model,
        "version": rehearsal.version,
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "cost": cost,
            "currency": currency,
        },
        "latency_ms": latency,
        "trace": {name: value for name, value in draft.trace.items() if name != "prompt"},
    }


async def _found(statement: str, message_id: UUID, principal: Principal, **more: Any) -> dict[str, Any]:
    values = {"id": message_id, "workspace_id": principal.workspace_id, **more}
    async with autocommit() as connection:
        row = await (await connection.execute(SQL[statement], values)).fetchone()
    if row is None or not is_in_reach(
        principal, chatbot_id=row["chatbot_id"], channel=row["channel"], owner=row["owner"]
    ):
        raise NotFound
    return row
