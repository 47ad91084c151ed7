"""How an answer came about, for people who want to know why.

A trace keeps ids, scores and settings, never the text of documents: what was deleted must not live on in it. The prompt is put together
again from the chunks that are still there.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chatsphere.apps.conversations.models import Message, Trace
from chatsphere.apps.training.models import ChunkText
from chatsphere.services.ai.prompts import build_messages
from chatsphere.services.content.table_columns import columns_of
from chatsphere.services.types import ChatPrompt, SearchHit, Turn

GONE = "(this passage was deleted)"
GUARDRAILS = ("blocked_topic", "redacted", "withheld", "doubted", "links_removed")
NONCE = "…"  # the word around the sources was random and is not kept


def prompt_settings(prompt: ChatPrompt) -> dict[str, Any]:
    """What a trace keeps of a prompt; question and passages stand elsewhere in it."""
    return {
        "instructions": prompt.instructions,
        "language": prompt.language,
        "temperature": prompt.temperature,
        "max_output_tokens": prompt.max_output_tokens,
        "memory": prompt.memory,
        "history": [[turn.role, turn.text] for turn in prompt.history],
    }


def shown_trace(message: Message) -> dict[str, Any] | None:
    """The trace of an answer, or None for messages that have none. Three queries."""
    trace = Trace.objects.in_workspace(message.workspace_id).filter(message_id=message.pk).first()
    if trace is None:
        return None
    asked = Message.objects.in_workspace(message.workspace_id).filter(pk=message.parent_id).first()
    question = asked.content if asked else ""
    return {
        "message": message.pk,
        "question": question,
        "model": message.model,
        "version": message.version,
        "search_text": trace.data.get("search_text", ""),
        "rewrite": trace.data.get("rewrite"),
        "words_only": trace.data.get("words_only", False),
        "candidates": trace.data.get("candidates", []),
        "neighbours": trace.data.get("neighbours", []),
        "decision": trace.data.get("decision"),
        "prompt": _prompt(message, question, trace.data),
        "usage": {
            "prompt_tokens": message.prompt_tokens,
            "completion_tokens": message.completion_tokens,
            "total_tokens": message.prompt_tokens + message.completion_tokens,
            "cost": message.cost_micros,
            "currency": message.currency,
        },
        "guardrails": {name: trace.data[name] for name in GUARDRAILS if name in trace.data},
        "timings": trace.data.get("timings", {}),
    }


def _prompt(message: Message, question: str, data: dict[str, Any]) -> list[dict[str, str]] | None:
    """The messages that the model was given; None when none was asked."""
    kept = data.get("prompt")
    if kept is None:
        return None
    found = [candidate for candidate in data.get("candidates", []) if candidate["is_in_prompt"]]
    used = [*found, *data.get("neighbours", [])]
    texts = _texts(message.workspace_id, [UUID(candidate["chunk_id"]) for candidate in used])
    prompt = ChatPrompt(
        question=question,
        passages=[_passage(candidate, texts) for candidate in used],
        history=[Turn(role, text) for role, text in kept["history"]],
        instructions=kept["instructions"],
        language=kept["language"],
        memory=kept.get("memory", ""),
    )
    return [dict(each) for each in build_messages(prompt, nonce=NONCE)]  # type: ignore[arg-type]  # a TypedDict of strings


def _texts(workspace_id: UUID, chunk_ids: list[UUID]) -> dict[UUID, ChunkText]:
    rows = ChunkText.objects.in_workspace(workspace_id).filter(pk__in=chunk_ids)
    return {row.pk: row for row in rows.only("text", "context")}


def _passage(candidate: dict[str, Any], texts: dict[UUID, ChunkText]) -> SearchHit:
    ids = [UUID(candidate[name]) for name in ("chunk_id", "document_id", "source_id")]
    before, after = (UUID(candidate[side]) if candidate.get(side) else None for side in ("before", "after"))
    chunk = texts.get(ids[0])
    text = chunk.text if chunk else GONE
    if (before or after) and chunk:
        text = text[-candidate["length"] :] if before else text[: candidate["length"]]
    columns = columns_of(chunk.context, text) if chunk else ()
    return SearchHit(
        chunk_id=ids[0],
        document_id=ids[1],
        source_id=ids[2],
        title=candidate["title"],
        url="",
        page=candidate["page"],
        heading_path=tuple(candidate["heading_path"]),
        text=text,
        char_start=0,
        char_end=len(text),
        dense=None,
        sparse=None,
        fused=0.0,
        before=before,
        after=after,
        columns=columns,
    )
