"""How an answer came about, for people who want to know why."""

from __future__ import annotations

from typing import Any

from chatsphere.apps.conversations.models import Message, Trace


def shown_trace(message: Message) -> dict[str, Any] | None:
    """The trace of an answer, or None for messages that have none. Two queries."""
    trace = Trace.objects.in_workspace(message.workspace_id).filter(message_id=message.pk).first()
    if trace is None:
        return None
    question = Message.objects.in_workspace(message.workspace_id).filter(pk=message.parent_id).first()
    return {
        "message": message.pk,
        "question": question.content if question else "",
        "model": message.model,
        "version": message.version,
        "search_text": trace.data.get("search_text", ""),
        "candidates": trace.data.get("candidates", []),
        "decision": trace.data.get("decision"),
        "prompt": trace.data.get("prompt"),
        "timings": trace.data.get("timings", {}),
    }
