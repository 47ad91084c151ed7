"""The async doors: chat, the events of a run, cancelling it, answering again, and search."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from chatsphere.apps.chatbots.configuration import read_configuration
from chatsphere.apps.conversations import schemas
from chatsphere.apps.conversations.access import visible_tags
from chatsphere.apps.conversations.answer import answer_object, search_result
from chatsphere.apps.conversations.door import door
from chatsphere.apps.conversations.followers import follower, past_log
from chatsphere.apps.conversations.guardrails import Words, seen_by_search
from chatsphere.apps.conversations.origins import check_origin
from chatsphere.apps.conversations.question import Question, VisitorClaim
from chatsphere.apps.conversations.retrieval import Lookup, best_hits
from chatsphere.apps.conversations.runs import Run, keeper, rights_of
from chatsphere.apps.conversations.selectors import PUBLIC_CHANNEL, is_in_reach
from chatsphere.apps.conversations.serializers import ChatSerializer, RegenerateSerializer, SearchSerializer
from chatsphere.apps.conversations.turn import SQL, prepare_turn
from chatsphere.apps.conversations.visitors import check_visitor, claim_of, visitor_charges
from chatsphere.apps.users.credentials import is_still_good
from chatsphere.core.addresses import client_address, limited_as
from chatsphere.core.async_database import DATABASE_AWAY, autocommit
from chatsphere.core.async_views import json_response, read_body
from chatsphere.core.exceptions import NotFound
from chatsphere.core.principal import Principal, PrincipalKind
from chatsphere.core.sse import EventLog, EventStreamResponse, last_event_id, while_allowed
from chatsphere.core.throttling import admit_async
from chatsphere.services.types import SearchFilters

CANCEL_WAIT_SECONDS = 3.0
CANCEL_POLL_SECONDS = 0.1
CHECK_SECONDS = 4.0  # after which a stream looks at its credential again
MOST_RIGHTS = 10_000


@door("POST", scope="chat", schema=schemas.CHAT, rate="ask")
async def chat(request: HttpRequest, principal: Principal, chatbot_id: UUID) -> HttpResponseBase:
    """Answer a message, streamed or whole."""
    body = read_body(request, ChatSerializer)
    visitor = claim_of(principal, VisitorClaim(**body["visitor"]) if body["visitor"] else None)
    await admit_visitor(request, principal, visitor)
    question = Question(
        principal=principal,
        text=body["message"],
        chatbot_id=chatbot_id,
        conversation_id=body["conversation_id"],
        visitor=visitor,
        spender=spender_of(request, principal, visitor),
        channel=channel_of(request, principal),
        origin=request.headers.get("Origin"),
    )
    run = keeper().start(await prepare_turn(question))
    return await answer_run(run, is_streamed=body["stream"])


@door("POST", scope="chat", schema=schemas.REGENERATE, rate="ask")
async def regenerate(request: HttpRequest, principal: Principal, message_id: UUID) -> HttpResponseBase:
    """Answer the same question once more, as a branch beside the first answer."""
    body = read_body(request, RegenerateSerializer)
    row = await _one("find_question", message_id, principal)
    question = Question(
        principal=principal,
        text=row["text"],
        chatbot_id=row["chatbot_id"],
        conversation_id=row["conversation_id"],
        visitor=claim_of(principal, None),
        spender=spender_of(request, principal, claim_of(principal, None)),
        channel=channel_of(request, principal),
        origin=request.headers.get("Origin"),
        repeats=row["question_id"],
        follows=row["follows"],
    )
    run = keeper().start(await prepare_turn(question))
    return await answer_run(run, is_streamed=body["stream"])


@door("GET", scope="chat", schema=schemas.EVENTS)
async def events(request: HttpRequest, principal: Principal, message_id: UUID) -> HttpResponseBase:
    """Go on with a stream behind ``Last-Event-ID``, in whichever process the run lives; 204 when nothing follows."""
    after = last_event_id(request.headers.get("Last-Event-ID"))
    row = await _one("find_answer", message_id, principal)  # also for a run of ours: its chatbot may be deleted
    run = keeper().runs.get(message_id)
    if run is not None:
        return _stream(run.log, after, principal)
    if row["state"] == "pending":
        return guarded_stream(_follow(message_id, principal.workspace_id, after), principal)
    return _stream(await past_log(row, principal.workspace_id, after=after), after, principal)


@door("POST", scope="chat", schema=schemas.CANCEL)
async def cancel(_request: HttpRequest, principal: Principal, message_id: UUID) -> HttpResponseBase:
    """Stop an answer; what was said is kept. Answers with the message as it then is; harmless on one that has ended."""
    await _one("find_answer", message_id, principal)
    run = keeper().runs.get(message_id)
    if run is not None:
        run.cancel()
        await run.ended()
    else:
        await _cancel_elsewhere(message_id, principal)
    row = await _one("find_answer", message_id, principal)
    return json_response(answer_object(row), status=202 if row["state"] == "pending" else 200)


@door("POST", scope="chat", schema=schemas.SEARCH, rate="ask")
async def find(request: HttpRequest, principal: Principal, chatbot_id: UUID) -> HttpResponseBase:
    """Hybrid search in a chatbot's knowledge."""
    began = time.perf_counter()
    body = read_body(request, SearchSerializer)
    results = await search_chatbot(request, principal, await find_chatbot(chatbot_id, principal), body)
    return json_response({"results": results, "took_ms": round((time.perf_counter() - began) * 1000, 1)})


async def search_chatbot(
    request: HttpRequest, principal: Principal, row: Mapping[str, Any], body: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What a validated search finds, best first, for whoever may ask this chatbot. ``row`` is from ``find_chatbot``."""
    configuration = read_configuration(row["configuration"])
    asked = Question(principal=principal, text=body["query"], origin=request.headers.get("Origin"))
    check_origin(asked, configuration)
    check_visitor(principal, configuration)
    query = seen_by_search(Words(asked.text), configuration, row["embedding_model"]).question
    lookup = Lookup(
        workspace_id=principal.workspace_id,
        chatbot_id=row["chatbot_id"],
        question=query,
        configuration=configuration,
        embedding_model=row["embedding_model"],
        knowledge_version=row["knowledge_version"],
    )
    hits = await best_hits(lookup, query, most=body["k"], filters=_filters(body["filters"], principal))
    return [search_result(rank, hit) for rank, hit in enumerate(hits, start=1)]


async def admit_visitor(request: HttpRequest, principal: Principal, visitor: VisitorClaim | None) -> None:
    """Charge a message to the limits of whoever asks. Raises Throttled."""
    charges = visitor_charges(request, principal, visitor)
    if charges:
        await admit_async(request, charges)


def spender_of(request: HttpRequest, principal: Principal, visitor: VisitorClaim | None) -> str:
    """Whose budget of the day an answer counts to: of the visitor whom the customer's server named, else of the address of a page."""
    if principal.kind is not PrincipalKind.PUBLISHABLE_KEY or principal.visitor is not None:
        return visitor.external_id if visitor else ""
    return f"address:{limited_as(client_address(request))}"


# --- answering -----------------------------------------------------------------------------------------------------


async def answer_run(run: Run, *, is_streamed: bool) -> HttpResponseBase:
    """The answer in the making, streamed or whole."""
    return _stream(run.log, 0, run.turn.question.principal) if is_streamed else json_response(await run.finished())


def guarded_stream(frames: AsyncGenerator[bytes, None], principal: Principal) -> EventStreamResponse:
    """A stream that ends when its reader's session or key has ended or the workspace is suspended. A database that is away ends none."""
    return EventStreamResponse(while_allowed(frames, partial(_is_allowed, principal), seconds=CHECK_SECONDS))


_rights: dict[object, tuple[float, bool]] = {}  # when last looked at, and what was found


async def _is_allowed(principal: Principal) -> bool:
    """One look serves all streams of a key or person for a moment: a thousand readers of one key ask once, not a thousand times."""
    now, whose = time.monotonic(), rights_of(principal)
    looked_at, is_good = _rights.get(whose, (-CHECK_SECONDS, True))
    if now - looked_at < CHECK_SECONDS / 4:
        return is_good
    if len(_rights) >= MOST_RIGHTS:
        _rights.clear()
    _rights[whose] = (now, True)  # those who come while we ask pass by
    try:
        is_good = await is_still_good(principal)
    except DATABASE_AWAY:
        is_good = True
    _rights[whose] = (now, is_good)
    return is_good


def _stream(log: EventLog, after: int, principal: Principal) -> HttpResponseBase:
    if not log.has_more(after):
        return HttpResponse(status=204)  # tells an EventSource not to come back
    return guarded_stream(log.read(after), principal)


async def _follow(message_id: UUID, workspace_id: UUID, after: int) -> AsyncGenerator[bytes, None]:
    log = follower().follow(message_id, workspace_id, after)
    try:
        async for piece in log.read(after):
            yield piece
    finally:
        follower().unfollow(message_id)


def channel_of(request: HttpRequest, principal: Principal, *, server: str = "api") -> str:
    """Where a message came from: a browser's key is the widget at every door, our own command line says so, others are ``server``."""
    if principal.kind is PrincipalKind.PUBLISHABLE_KEY:
        return PUBLIC_CHANNEL
    if request.headers.get("User-Agent", "").startswith("chatsphere-cli"):
        return "cli"
    return server


# --- looking up ----------------------------------------------------------------------------------------------------


async def _one(statement: str, message_id: UUID, principal: Principal) -> dict[str, Any]:
    async with autocommit() as connection:
        found = await connection.execute(SQL[statement], {"id": message_id, "workspace_id": principal.workspace_id})
        row = await found.fetchone()
    if row is None or not is_in_reach(
        principal, chatbot_id=row["chatbot_id"], channel=row["channel"], owner=row["owner"]
    ):
        raise NotFound
    return row


async def find_chatbot(chatbot_id: UUID, principal: Principal) -> dict[str, Any]:
    """What a search must know of a chatbot. Raises NotFound for one that is another's, deleted or not the key's."""
    ids = {"chatbot_id": chatbot_id, "workspace_id": principal.workspace_id}
    async with autocommit() as connection:
        row = await (await connection.execute(SQL["open_search"], ids)).fetchone()
    if row is None or not principal.may_use_chatbot(chatbot_id):
        raise NotFound
    return row


async def _cancel_elsewhere(message_id: UUID, principal: Principal) -> None:
    """Leave word in the row, which its run reads every second, and wait a moment for the end."""
    ids = {"id": message_id, "workspace_id": principal.workspace_id}
    async with autocommit() as connection:
        asked = await (await connection.execute(SQL["ask_to_cancel"], ids)).fetchone()
    deadline = time.monotonic() + CANCEL_WAIT_SECONDS
    while asked is not None and time.monotonic() < deadline:
        await asyncio.sleep(CANCEL_POLL_SECONDS)
        async with autocommit() as connection:
            if await (await connection.execute(SQL["ended_turns"], {"ids": [message_id]})).fetchone():
                return


def _filters(given: dict[str, Any] | None, principal: Principal) -> SearchFilters:
    filters = SearchFilters(**{name: frozenset(values) for name, values in (given or {}).items()})
    visible = visible_tags(principal)
    if visible is None:
        return filters
    # A page cannot vouch for what its visitor may see: it may ask for less than the signed tags, never for more.
    asked = visible if filters.access_tags is None else filters.access_tags & visible
    return replace(filters, access_tags=asked)
