"""An answer as it grows, and as it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatsphere.core.exceptions import ApiError
from chatsphere.services.types import FinishReason, SearchHit, TokenUsage


@dataclass(slots=True)
class Draft:
    """What is known of an answer so far. ``error`` is set when it failed; its text is kept all the same."""

    parts: list[str] = field(default_factory=list)
    citations: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: FinishReason = FinishReason.STOP
    usage: TokenUsage = field(default_factory=TokenUsage)
    model: str = ""
    grounded: bool | None = None
    unsupported: list[str] = field(default_factory=list)  # cited statements
    ungrounded: list[str] = field(default_factory=list)  # those and uncited ones
    statements: int = 0  # cited ones
    passages: Sequence[SearchHit] = ()  # that the answer could rest on
    trace: dict[str, Any] = field(default_factory=dict)
    first_token_ms: int | None = None
    error: ApiError | None = None
    rewriting: TokenUsage = field(default_factory=TokenUsage)  # of making the question complete
    rewriter: str = ""  # the model that did it

    def count_rewriting(self) -> None:
        """Add what the question's rewriting used to what the answer did; an answer without a model is then that model's."""
        used, more = self.usage, self.rewriting
        if more.prompt_tokens or more.completion_tokens:
            self.usage = TokenUsage(
                used.prompt_tokens + more.prompt_tokens,
                used.completion_tokens + more.completion_tokens,
                is_estimated=used.is_estimated or more.is_estimated,
            )
            self.model, self.rewriting = self.model or self.rewriter, TokenUsage()

    @property
    def text(self) -> str:
        return "".join(self.parts)


def answer_object(row: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of ``POST …/chat/`` and of ``message.completed``, from the columns of ``find_answer``."""
    prompt, completion = row["prompt_tokens"], row["completion_tokens"]
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "cost": row["cost_micros"],
        "currency": row["currency"],
    }
    kept = ("content", "grounded", "finish_reason", "model", "version")
    message = {
        "id": str(row["id"]),
        "role": "assistant",
        **{name: row[name] for name in kept},
        "ungrounded": row["unsupported"] or [],
        "citations": row["citations"] or [],
        "usage": usage,
        "latency_ms": row["latency_ms"],
        "created_at": row["created_at"],
    }
    return {"conversation_id": str(row["conversation_id"]), "message": message}


def error_object(error: ApiError) -> dict[str, Any]:
    """The data of an ``error`` event."""
    return {"type": error.type, "message": str(error.message)}


def search_result(rank: int, hit: SearchHit) -> dict[str, Any]:
    """A found chunk, as search and ``retrieval.completed`` show it."""
    return {
        "rank": rank,
        "score": round(hit.fused if hit.rerank is None else hit.rerank, 6),
        "chunk_id": str(hit.chunk_id),
        "document_id": str(hit.document_id),
        "source_id": str(hit.source_id),
        "title": hit.title,
        "url": hit.url,
        "page": hit.page,
        "heading_path": list(hit.heading_path),
        "text": hit.text,
        "char_start": hit.char_start,
        "char_end": hit.char_end,
        "scores": scores(hit),
    }


def scores(hit: SearchHit) -> dict[str, float | None]:
    """Every score of a hit."""
    return {
        "dense": hit.dense,
        "sparse": hit.sparse,
        "fused": hit.fused,
        "period": hit.period,
        "words": hit.words,
        "sentence": hit.sentence,
        "rerank": hit.rerank,
    }
