"""One turn of a conversation in three steps.

``prepare_turn`` writes down what was asked (one transaction), ``stream_turn`` answers it (no transaction, no connection while the model
talks), ``record_turn`` writes down what was answered (one transaction).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from chatsphere.apps.chatbots.configuration import read_configuration
from chatsphere.apps.conversations import metering
from chatsphere.apps.conversations.access import visible_tags
from chatsphere.apps.conversations.answer import Draft, answer_object, error_object, search_result
from chatsphere.apps.conversations.follow_ups import searchable_text
from chatsphere.apps.conversations.guardrails import (
    Words,
    blocked_topic,
    hides_from_model,
    seen_by_model,
    seen_by_search,
    without_secrets,
)
from chatsphere.apps.conversations.memory import remember_later, split_history
from chatsphere.apps.conversations.origins import check_origin
from chatsphere.apps.conversations.persons import speak_of_person
from chatsphere.apps.conversations.prepared import PreparedTurn, milliseconds
from chatsphere.apps.conversations.prices import cost_micros
from chatsphere.apps.conversations.question import (
    LONGEST_ATTRIBUTES,
    MOST_ATTRIBUTES,
    Overrides,
    Question,
    with_overrides,
)
from chatsphere.apps.conversations.retrieval import Lookup, find_passages
from chatsphere.apps.conversations.sayings import blocked_notice, refusal, reply_to_courtesy, sentences_for
from chatsphere.apps.conversations.selectors import PUBLIC_CHANNEL, is_in_reach
from chatsphere.apps.conversations.speaking import Manner, Voice, speak
from chatsphere.apps.conversations.traces import prompt_settings
from chatsphere.apps.conversations.visitors import check_visitor
from chatsphere.apps.webhooks.actions import event_part, hint_soon
from chatsphere.core import engines
from chatsphere.core.async_database import AsyncRows, autocommit, pool
from chatsphere.core.exceptions import Conflict, NotFound
from chatsphere.core.identifiers import new_id
from chatsphere.core.sse import EventLog
from chatsphere.core.together import Part, execute_together
from chatsphere.services.ai.base import WordReader, word_reader
from chatsphere.services.ai.curated import find_curated
from chatsphere.services.ai.prompts import shown_turns
from chatsphere.services.errors import EngineMisconfigured
from chatsphere.services.sql import statements
from chatsphere.services.types import ChatPrompt, FinishReason, SearchHit, Turn

SQL = statements("chatsphere.apps.conversations")
TITLE_LENGTH = 80
LONGEST_CHAIN = 50  # as many earlier messages as a configuration may ask for


# --- prepare -------------------------------------------------------------------------------------------------------


async def prepare_turn(question: Question) -> PreparedTurn:
    """Check who asks what, reserve the quota, write question and pending answer; one transaction of three round trips.

    Raises NotFound (chatbot or conversation of another, or deleted), Forbidden (origin), Conflict (switched off), QuotaExceeded.
    """
    started = time.perf_counter()
    async with (await pool()).connection() as connection, connection.pipeline():
        row = await _open(connection, question)
        turn = _prepared(question, row, started)
        # Sent together with the claim below; when that is refused, all of it is rolled back.
        written = await connection.execute(SQL["write_turn"], _new_rows(turn))
        await metering.reserve(connection, turn, counts_tokens=_counts_tokens(turn))
        visitor = await written.fetchone()
        await connection.commit()
    return turn if visitor is None else replace(turn, visitor_id=visitor["visitor_id"])


def _counts_tokens(turn: PreparedTurn) -> bool:
    return not turn.is_handed_off and (turn.configuration.model or settings.CHAT_MODEL) != "extractive"


async def _open(connection: AsyncRows, question: Question) -> dict[str, Any]:
    found = await connection.execute(
        SQL["open_turn"],
        {
            "workspace_id": question.principal.workspace_id,
            "chatbot_id": question.chatbot_id,
            "slug": question.slug,
            "conversation_id": question.conversation_id,
            "follows": question.follows,
            "depth": LONGEST_CHAIN,
        },
    )
    row = await found.fetchone()
    if row is None or not question.principal.may_use_chatbot(row["chatbot_id"]):
        raise NotFound
    if question.conversation_id is not None and not _may_continue(question, row):
        raise NotFound(_("There is no such conversation with this chatbot."))
    if not row["is_active"]:
        raise Conflict(_("This chatbot is switched off."), type="chatbot_inactive")
    return row


def _may_continue(question: Question, row: dict[str, Any]) -> bool:
    is_there = row["conversation_id"] is not None
    return is_there and is_in_reach(
        question.principal, chatbot_id=row["chatbot_id"], channel=row["channel"], owner=row["owner"]
    )


def _prepared(question: Question, row: dict[str, Any], started: float) -> PreparedTurn:
    configuration = read_configuration(row["configuration"])
    check_origin(question, configuration)
    check_visitor(question.principal, configuration)
    is_branch = question.repeats is not None or question.edits is not None
    stored = question.follows is not None or not is_branch  # a branch from the very beginning has nothing before it
    turns = _turns(question, (row["history"] or []) if stored else [])
    kept = configuration.history_turns
    ids = tuple(row["history_ids"] or ()) if stored else ()
    memory, _older, _until = split_history(
        turns,
        ids,
        shown=min(kept, shown_turns(turns)),
        memory=row["memory"] or "",
        memory_until=row["memory_until"],
    )
    return PreparedTurn(
        question=question,
        chatbot_id=row["chatbot_id"],
        configuration=configuration,
        version=row["version"],
        embedding_model=row["embedding_model"],
        knowledge_version=row["knowledge_version"],
        conversation_id=row["conversation_id"] or new_id(),
        question_id=question.repeats or new_id(),
        answer_id=new_id(),
        parent_id=row["last_message_id"] if stored else None,
        visitor_id=None,
        history=turns[-kept:] if kept else (),
        memory=memory,
        turns=turns,
        turn_ids=ids,
        stored_memory=row["memory"] or "",
        memory_until=row["memory_until"],
        is_new=row["conversation_id"] is None,
        is_handed_off=row["conversation_state"] == "handoff",
        created_at=datetime.now(UTC),
        started=started,
        is_public=not question.is_trusted or question.principal.visitor is not None or row["channel"] == PUBLIC_CHANNEL,
    )


def _turns(question: Question, stored: list[list[Any]]) -> tuple[Turn, ...]:
    return question.history if question.history is not None else tuple(Turn(role, text) for role, text in stored)


def _new_rows(turn: PreparedTurn) -> dict[str, Any]:
    question, claim, principal = turn.question, turn.question.visitor, turn.question.principal
    return {
        "workspace_id": turn.workspace_id,
        "chatbot_id": turn.chatbot_id,
        "conversation_id": turn.conversation_id,
        "question_id": turn.question_id,
        "answer_id": turn.answer_id,
        "parent_id": turn.parent_id,
        "version": turn.version,
        "created_at": turn.created_at,
        "text": question.text,
        "title": question.text[:TITLE_LENGTH],
        "channel": question.channel,
        "user_id": principal.user_id,
        "api_key_id": principal.api_key_id,
        "is_new": turn.is_new,
        "is_asked": question.repeats is None,
        "visitor_row": new_id(),
        "external_id": claim.external_id if claim else None,
        "visitor_name": claim.name if claim else "",
        "visitor_email": claim.email if claim else "",
        "attributes": Jsonb(dict(claim.attributes) if claim else {}),
        "most_attributes": MOST_ATTRIBUTES,
        "longest_attributes": LONGEST_ATTRIBUTES,
        "is_verified": question.is_trusted or principal.visitor is not None,
    }


# --- stream --------------------------------------------------------------------------------------------------------


async def stream_turn(turn: PreparedTurn, log: EventLog, draft: Draft) -> None:
    """Find, decide, answer: events go to ``log``, the answer grows in ``draft``. Raises EngineError; may be cancelled anywhere."""
    voice = Voice(log, draft, partial(milliseconds, turn))
    if await speak_of_person(turn, voice):
        return
    try:
        await _answer(turn, log, voice)
    finally:
        draft.count_rewriting()


async def _answer(turn: PreparedTurn, log: EventLog, voice: Voice) -> None:
    draft, configuration = voice.draft, turn.configuration
    said = seen_by_search(Words(turn.question.text, turn.history, turn.memory), configuration, turn.embedding_model)
    topic = await blocked_topic([said.question], configuration, turn.embedding_model)
    if topic is not None:
        return _block(turn, topic, voice)
    reply = reply_to_courtesy(configuration, turn.question.text)
    searchable = said.question if reply else await searchable_text(turn, said, draft)
    if searchable != said.question:  # a topic is not spoken of because it is asked for in two steps
        topic = await blocked_topic([searchable], configuration, turn.embedding_model)
    found = None if topic is not None else await find_passages(_lookup(turn, said.question, searchable))
    if found is None or found.blocked_topic is not None:
        return _block(turn, topic or (found.blocked_topic if found else None) or "", voice)
    draft.trace.update(found.trace)
    draft.passages = found.passages
    log.add(
        "retrieval.completed", {"results": [search_result(n, hit) for n, hit in enumerate(found.passages, start=1)]}
    )
    curated = find_curated(turn.question.text, found.passages, language=configuration.language)
    if curated is not None:
        return voice.read_out(curated)
    if reply:
        return voice.say(reply)
    if not found.is_answerable:
        draft.finish_reason = FinishReason.REFUSED_NO_CONTEXT
        return voice.say(refusal(configuration, turn.question.text, missing=found.missing))
    return await _let_model_talk(turn, found.passages, searchable, voice)


def _block(turn: PreparedTurn, topic: str, voice: Voice) -> None:
    voice.draft.finish_reason, voice.draft.trace["blocked_topic"] = FinishReason.BLOCKED, topic
    voice.say(blocked_notice(turn.configuration, turn.question.text))


def _lookup(turn: PreparedTurn, question: str, searchable: str) -> Lookup:
    tags = visible_tags(turn.question.principal)
    return Lookup(
        workspace_id=turn.workspace_id,
        chatbot_id=turn.chatbot_id,
        question=question,
        configuration=turn.configuration,
        embedding_model=turn.embedding_model,
        search_text=searchable,
        access_tags=frozenset() if tags is None and turn.is_public else tags,
        knowledge_version=turn.knowledge_version,
    )


async def _let_model_talk(turn: PreparedTurn, passages: Sequence[SearchHit], searchable: str, voice: Voice) -> None:
    configuration = turn.configuration
    prompt = _prompt(turn, passages, searchable, voice)
    voice.draft.trace["prompt"] = prompt_settings(prompt)
    manner = Manner(
        refusal=refusal(configuration, turn.question.text),
        passages=passages,
        ungrounded=configuration.ungrounded,
        note=sentences_for(configuration, turn.question.text).unconfirmed,
        reader=_reader(turn.embedding_model),
        link_hosts=configuration.link_hosts,
    )
    await speak(engines.chat_model(configuration.model), prompt, voice, manner)


def _reader(embedding_model: str) -> WordReader | None:
    """Who tells what words mean; nobody where the model is no longer set up, or does not."""
    try:
        return word_reader(engines.embedder(embedding_model)) if embedding_model else None
    except EngineMisconfigured:
        return None


def _prompt(turn: PreparedTurn, passages: Sequence[SearchHit], searchable: str, voice: Voice) -> ChatPrompt:
    configuration, question = turn.configuration, turn.question
    overrides = question.overrides if question.is_trusted else Overrides()  # a page does not rewrite the instructions
    words, hidden = seen_by_model(Words(question.text, turn.history, turn.memory), configuration)
    if hides_from_model(configuration):
        passages, secrets = without_secrets(passages)
        voice.draft.trace["redacted"] = {kind.value: count for kind, count in (hidden + secrets).items()}
    return ChatPrompt(
        question=words.question,
        about=searchable,
        passages=passages,
        history=words.history,
        language=configuration.language,
        memory=words.memory,
        **with_overrides(configuration, overrides),
    )


# --- record --------------------------------------------------------------------------------------------------------


async def record_turn(turn: PreparedTurn, draft: Draft, *, last_event: int) -> tuple[str, dict[str, Any]]:
    """Write the end of an answer, what it used and what is announced; one statement. Returns the last event and its data.

    When somebody else ended the row (the sweep, after this process had been away), nothing is written and the row's own end is told.
    """
    columns = _ending(turn, draft, last_event)
    ending = Part(SQL["finish_turn"], columns)
    events = _events(turn, draft)
    async with autocommit() as connection:
        if not await execute_together(connection, ending, *events, *metering.ending_parts(turn, draft, columns)):
            return await _ended_elsewhere(connection, turn)
    if events:
        hint_soon()
    if draft.error is not None:
        return "error", error_object(draft.error)
    remember_later(turn, draft.text)
    return "message.completed", answer_object(
        {
            **columns,
            "id": turn.answer_id,
            "created_at": turn.created_at,
            "citations": draft.citations,
            "unsupported": draft.ungrounded,
        }
    )


def _ending(turn: PreparedTurn, draft: Draft, last_event: int) -> dict[str, Any]:
    cost, currency = cost_micros(draft.model, draft.usage)
    latency = milliseconds(turn)
    draft.trace.setdefault("timings", {}).update(total_ms=latency, first_token_ms=draft.first_token_ms)
    rows = [{**citation, "id": str(new_id())} for citation in draft.citations]
    return {
        "answer_id": turn.answer_id,
        "workspace_id": turn.workspace_id,
        "conversation_id": turn.conversation_id,
        "state": _state(draft),
        "content": draft.text,
        "finish_reason": draft.finish_reason.value,
        "grounded": draft.grounded,
        "unsupported": Jsonb(draft.ungrounded),
        "error_type": draft.error.type if draft.error else "",
        "error_message": str(draft.error.message) if draft.error else "",
        "model": draft.model,
        "version": turn.version,
        "prompt_tokens": draft.usage.prompt_tokens,
        "completion_tokens": draft.usage.completion_tokens,
        "cost_micros": cost,
        "currency": currency,
        "latency_ms": latency,
        "first_token_ms": draft.first_token_ms,
        "last_event": last_event,
        "citations": Jsonb(rows),
        "trace_id": new_id(),
        "trace": Jsonb(draft.trace),
    }


def _state(draft: Draft) -> str:
    if draft.error is not None:
        return "failed"
    return "cancelled" if draft.finish_reason is FinishReason.CANCELLED else "complete"


async def _ended_elsewhere(connection: AsyncRows, turn: PreparedTurn) -> tuple[str, dict[str, Any]]:
    found = await connection.execute(SQL["find_answer"], {"id": turn.answer_id, "workspace_id": turn.workspace_id})
    row = await found.fetchone()
    if row is None:  # the conversation was deleted meanwhile
        return "error", error_object(NotFound())
    if row["state"] == "failed":
        return "error", {"type": row["error_type"], "message": row["error_message"]}
    return "message.completed", answer_object(row)


def _events(turn: PreparedTurn, draft: Draft) -> list[Part]:
    ids = {"conversation_id": str(turn.conversation_id), "chatbot_id": str(turn.chatbot_id)}
    shared: dict[str, Any] = {"workspace_id": turn.workspace_id, "chatbot_id": turn.chatbot_id}
    found = []
    if turn.is_new:
        payload = {**ids, "channel": turn.question.channel}
        found.append(event_part(type="conversation.started", payload=payload, object_id=turn.conversation_id, **shared))
    if draft.error is None and draft.finish_reason is not FinishReason.CANCELLED:
        is_refused = draft.finish_reason is FinishReason.REFUSED_NO_CONTEXT
        kind = "message.refused" if is_refused else "message.completed"
        payload = {**ids, "message_id": str(turn.answer_id), "finish_reason": draft.finish_reason.value}
        found.append(event_part(type=kind, payload=payload, object_id=turn.answer_id, **shared))
    return found
