"""What can be heard of: every event type with what its ``data`` holds. The schemas are JSON Schema 2020-12.

A schema only grows: fields are added, never removed or given another meaning. What breaks that gets a new ``version``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA_VERSION = 1
_ID = "0198c0ff-0000-7000-8000-00000000000"


@dataclass(frozen=True, slots=True)
class EventType:
    """``fields`` are the properties of ``data``; those in ``optional`` may be missing.

    Beside them every event that is about an object has its ``id``, every one about something of a chatbot has ``chatbot_id``.
    """

    name: str
    description: str
    fields: Mapping[str, Any]
    example: Mapping[str, Any]
    optional: frozenset[str] = frozenset()
    version: int = SCHEMA_VERSION
    object_id: str = ""  # of the example; empty: it is about no object
    is_of_chatbot: bool = True

    def _ids(self) -> dict[str, str]:
        ids = {"id": self.object_id, "chatbot_id": f"{_ID}1" if self.is_of_chatbot else ""}
        return {name: value for name, value in ids.items() if value}

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a whole message."""
        data = {
            "type": "object",
            "properties": {**dict.fromkeys(self._ids(), _UUID), **self.fields},
            "required": [name for name in {**self._ids(), **self.fields} if name not in self.optional],
        }
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.name,
            "description": self.description,
            "type": "object",
            "properties": {
                "type": {"const": self.name},
                "version": {"const": self.version},
                "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
                "data": data,
            },
            "required": ["type", "version", "timestamp", "data"],
        }

    def message(self) -> dict[str, Any]:
        """An example of a whole message."""
        return {
            "type": self.name,
            "version": self.version,
            "timestamp": "2026-11-22T12:00:00Z",
            "data": {**self._ids(), **self.example},
        }


_TEXT = {"type": "string"}
_UUID = {"type": "string", "format": "uuid"}
_OBJECT = {"type": "object"}
_COUNT = {"type": "integer", "minimum": 0}
_CHATBOT = {
    "type": "object",
    "properties": {"id": _UUID, "name": _TEXT, "slug": _TEXT},
    "required": ["id", "name", "slug"],
}
_CHATBOT_EXAMPLE = {"id": f"{_ID}1", "name": "Help desk", "slug": "help-desk"}
_SOURCE = {"id": _UUID, "chatbot": _UUID, "name": _TEXT}
_SOURCE_EXAMPLE = {"id": f"{_ID}2", "chatbot": f"{_ID}1", "name": "Handbook.pdf"}
_RUN = {"status": _TEXT, "run": _UUID}
_TURN = {"conversation_id": _UUID, "chatbot_id": _UUID}
_TURN_EXAMPLE = {"conversation_id": f"{_ID}4", "chatbot_id": f"{_ID}1"}
_TRANSCRIPT = {
    "type": "array",
    "description": "The latest messages, oldest first.",
    "items": {"type": "object", "properties": {"role": _TEXT, "content": _TEXT, "at": _TEXT}},
}
_ANSWER = {**_TURN, "message_id": _UUID, "finish_reason": _TEXT}
_ANSWER_EXAMPLE = {**_TURN_EXAMPLE, "message_id": f"{_ID}5"}
_EVALUATION = {
    "evaluation_id": _UUID,
    "chatbot_id": _UUID,
    "test_set_id": _UUID,
    "version": {"type": ["integer", "null"]},
    "summary": {"type": "object"},
}
_EVALUATION_EXAMPLE = {
    "evaluation_id": f"{_ID}7",
    "chatbot_id": f"{_ID}1",
    "test_set_id": f"{_ID}8",
    "version": 3,
    "summary": {"questions": 40, "score": 0.91, "refusal_accuracy": 0.95},
}
_RETRAINING = {"retraining_id": _UUID, "chatbot_id": _UUID, "from_model": _TEXT, "to_model": _TEXT, "chunking": _OBJECT}
_RETRAINING_EXAMPLE = {
    "retraining_id": f"{_ID}9",
    "chatbot_id": f"{_ID}1",
    "from_model": "local:all-minilm-l6-v2-int8",
    "to_model": "openai:text-embedding-3-small",
    "chunking": {},
}
_QUOTA = {
    "metric": _TEXT,
    "percent": {"type": "integer", "description": "Of the limit; what was reached for the first time in this period."},
    "used": _COUNT,
    "limit": _COUNT,
    "period": {"type": "string", "format": "date", "description": "Its first day."},
    "chatbot_id": {**_UUID, "description": "When the quota is that of one chatbot."},
}
_OPTIONAL_OF_QUOTA = frozenset({"chatbot_id"})
_QUOTA_EXAMPLE = {"metric": "messages", "percent": 80, "used": 800, "limit": 1000, "period": "2026-11-01"}

CATALOGUE: dict[str, EventType] = {
    each.name: each
    for each in (
        EventType(
            "source.ready",
            "A training source answers questions. `status` is `ready`, or `partial` when a part could not be read.",
            {**_SOURCE, **_RUN, "documents_count": _COUNT, "chunks_count": _COUNT},
            {**_SOURCE_EXAMPLE, "status": "ready", "run": f"{_ID}3", "documents_count": 1, "chunks_count": 120},
            optional=frozenset({"documents_count", "chunks_count"}),
            object_id=f"{_ID}2",
        ),
        EventType(
            "source.failed",
            "Training failed for good; what answered before goes on answering.",
            {**_SOURCE, **_RUN, "error": {"type": "object", "properties": {"type": _TEXT, "message": _TEXT}}},
            {
                **_SOURCE_EXAMPLE,
                "status": "failed",
                "run": f"{_ID}3",
                "error": {"type": "encrypted", "message": "This document is protected by a password."},
            },
            object_id=f"{_ID}2",
        ),
        EventType(
            "source.deleted", "Nothing of this source is found any more.", _SOURCE, _SOURCE_EXAMPLE, object_id=f"{_ID}2"
        ),
        EventType(
            "chatbot.created",
            "A chatbot was made.",
            {"chatbot": _CHATBOT},
            {"chatbot": _CHATBOT_EXAMPLE},
            object_id=f"{_ID}1",
        ),
        EventType(
            "chatbot.published",
            "Another version of the configuration answers from now on.",
            {"chatbot": _CHATBOT, "version": {"type": "integer", "minimum": 1}},
            {"chatbot": _CHATBOT_EXAMPLE, "version": 3},
            object_id=f"{_ID}1",
        ),
        EventType(
            "chatbot.deleted",
            "A chatbot answers no more.",
            {"chatbot": _CHATBOT},
            {"chatbot": _CHATBOT_EXAMPLE},
            object_id=f"{_ID}1",
        ),
        EventType(
            "retraining.completed",
            "All that a chatbot knows has gone over to another embedding model or other lengths of chunks.",
            {**_RETRAINING, "chunks_embedded": _COUNT, "tokens": _COUNT},
            {**_RETRAINING_EXAMPLE, "chunks_embedded": 1200, "tokens": 180000},
            object_id=f"{_ID}9",
        ),
        EventType(
            "retraining.failed",
            "A retraining failed for good. `is_switched` tells whether the new model answers already; else the old one goes on.",
            {
                **_RETRAINING,
                "is_switched": {"type": "boolean"},
                "error": {"type": "object", "properties": {"type": _TEXT, "message": _TEXT}},
            },
            {
                **_RETRAINING_EXAMPLE,
                "is_switched": False,
                "error": {"type": "upstream_rejected", "message": "The model provider refused the request."},
            },
            object_id=f"{_ID}9",
        ),
        EventType(
            "conversation.started",
            "Somebody asked the first question of a conversation.",
            {**_TURN, "channel": _TEXT},
            {**_TURN_EXAMPLE, "channel": "widget"},
            object_id=f"{_ID}4",
        ),
        EventType(
            "conversation.handoff",
            "A conversation waits for a person.",
            {
                **_TURN,
                "at": {"type": "string", "format": "date-time"},
                "reason": _TEXT,
                "summary": _TEXT,
                "transcript": _TRANSCRIPT,
            },
            {
                **_TURN_EXAMPLE,
                "at": "2026-11-22T12:00:00+00:00",
                "reason": "asked for a person",
                "summary": "Where is my parcel?",
                "transcript": [{"role": "user", "content": "Where is my parcel?", "at": "2026-11-22T11:59:00+00:00"}],
            },
            object_id=f"{_ID}4",
        ),
        EventType(
            "conversation.returned",
            "A person gave a conversation back: the chatbot answers again.",
            {**_TURN, "at": {"type": "string", "format": "date-time"}},
            {**_TURN_EXAMPLE, "at": "2026-11-22T12:20:00+00:00"},
            object_id=f"{_ID}4",
        ),
        EventType(
            "message.person",
            "A person wrote in a conversation that was handed over.",
            {**_TURN, "message_id": _UUID, "content": _TEXT, "at": {"type": "string", "format": "date-time"}},
            {
                **_TURN_EXAMPLE,
                "message_id": f"{_ID}5",
                "content": "Hello, Ada here. Your parcel is on its way.",
                "at": "2026-11-22T12:10:00+00:00",
            },
            object_id=f"{_ID}5",
        ),
        EventType(
            "message.completed",
            "A question was answered.",
            _ANSWER,
            {**_ANSWER_EXAMPLE, "finish_reason": "stop"},
            object_id=f"{_ID}5",
        ),
        EventType(
            "message.refused",
            "The content held no answer to a question.",
            _ANSWER,
            {**_ANSWER_EXAMPLE, "finish_reason": "refused_no_context"},
            object_id=f"{_ID}5",
        ),
        EventType(
            "message.feedback",
            "Somebody rated an answer.",
            {"message_id": _UUID, "conversation_id": _UUID, "rating": {"enum": ["up", "down"]}, "comment": _TEXT},
            {"message_id": f"{_ID}5", "conversation_id": f"{_ID}4", "rating": "down", "comment": "Out of date."},
            object_id=f"{_ID}5",
        ),
        EventType(
            "evaluation.completed",
            "All questions of a test set were asked. `version` is null for a configuration that is no version.",
            _EVALUATION,
            _EVALUATION_EXAMPLE,
            object_id=f"{_ID}7",
        ),
        EventType(
            "quota.warning",
            "80 % of a quota are used.",
            _QUOTA,
            _QUOTA_EXAMPLE,
            optional=_OPTIONAL_OF_QUOTA,
            is_of_chatbot=False,
        ),
        EventType(
            "quota.exceeded",
            "A quota is used up.",
            _QUOTA,
            {**_QUOTA_EXAMPLE, "percent": 100, "used": 1000},
            optional=_OPTIONAL_OF_QUOTA,
            is_of_chatbot=False,
        ),
        EventType(
            "webhook.test",
            "Sent on request, to one endpoint, whatever it subscribed to.",
            {"endpoint": _UUID},
            {"endpoint": f"{_ID}6"},
            object_id=f"{_ID}6",
            is_of_chatbot=False,
        ),
    )
}
EVENT_TYPES = tuple(CATALOGUE)
