"""How the async doors stand in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from chatsphere.apps.conversations.serializers import (
    AnswerSerializer,
    ChatSerializer,
    EditSerializer,
    RegenerateSerializer,
    ReplayedSerializer,
    ReplaySerializer,
    SearchAnswerSerializer,
    SearchSerializer,
    StreamFilters,
)

EVENTS_DESCRIPTION = """Server-sent events; each frame has `id:` (a number), `event:` and one JSON object in `data:`.

| event | data |
|---|---|
| `message.created` | `conversation_id`, `message_id` |
| `retrieval.completed` | `results`: the passages that the answer may rest on |
| `message.delta` | `text` |
| `message.citation` | `citation` |
| `message.completed` | the object of the answer that is not streamed |
| `error` | `type`, `message` |

Exactly one of the last two ends a stream. A comment `: ping` comes after 15 seconds of silence."""

_STREAM = OpenApiTypes.STR
_TAGS = ["chat"]


_UPSTREAM = OpenApiResponse(description="The model provider failed, is away (503) or did not answer in time (504).")


def _answers(status: int = 200) -> dict[Any, Any]:
    return {
        (status, "application/json"): AnswerSerializer,
        (status, "text/event-stream"): OpenApiResponse(_STREAM, description=EVENTS_DESCRIPTION),
        502: _UPSTREAM,
        504: _UPSTREAM,
    }


CHAT = extend_schema(
    operation_id="chat",
    summary="Ask a chatbot",
    description="Answers from the chatbot's own content, with citations. `stream: true` answers as server-sent events.\n\n"
    + EVENTS_DESCRIPTION,
    tags=_TAGS,
    request=ChatSerializer,
    responses=_answers(),
)
REGENERATE = extend_schema(
    operation_id="regenerate",
    summary="Answer once more",
    description="Answers the same question again. Both answers stay: they are branches with the same parent.",
    tags=_TAGS,
    request=RegenerateSerializer,
    responses=_answers(),
)
EDIT = extend_schema(
    operation_id="edit_message",
    summary="Ask in other words",
    description="Takes a visitor's message and asks it anew, edited. The first question and its answer stay: both are branches with the same "
    "parent.",
    tags=_TAGS,
    request=EditSerializer,
    responses=_answers(),
)
REPLAY = extend_schema(
    operation_id="replay_message",
    summary="Answer with other settings",
    description="Answers the question of an answer once more, by the configuration as it stands, by a version, or with keys changed, and "
    "shows both side by side. Nothing is stored; it counts as one message.",
    tags=_TAGS,
    request=ReplaySerializer,
    responses={200: ReplayedSerializer, 502: _UPSTREAM, 504: _UPSTREAM},
)
EVENTS = extend_schema(
    operation_id="message_events",
    summary="Go on with a stream",
    description="The events of an answer behind `Last-Event-ID`, without gap or repeat, whichever connection asked for it. Two "
    "minutes after its end only the last event is left.\n\n" + EVENTS_DESCRIPTION,
    tags=_TAGS,
    parameters=[
        OpenApiParameter(
            "Last-Event-ID", OpenApiTypes.INT, OpenApiParameter.HEADER, description="The id of the last event you have."
        )
    ],
    responses={
        (200, "text/event-stream"): OpenApiResponse(_STREAM, description=EVENTS_DESCRIPTION),
        204: OpenApiResponse(description="The stream has ended and you have all of it."),
    },
)
CONVERSATION_EVENTS = extend_schema(
    operation_id="conversation_events",
    summary="Follow a conversation",
    description="Server-sent events behind `Last-Event-ID`, without gap or repeat; without one, from the first. For whoever may go on with the "
    "conversation: a visitor reads here what a person answers.\n\n"
    "| event | data |\n|---|---|\n"
    "| `message.person` | `conversation_id`, `message` (`id`, `parent`, `role`: `agent`, `content`, `created_at`) |\n"
    "| `conversation.handoff` | `conversation_id`, `state`: `handoff`, `at` |\n"
    "| `conversation.returned` | `conversation_id`, `state`: `bot`, `at` |\n\n"
    "A comment `: ping` comes after 15 seconds of silence. The server ends a stream after a quarter of an hour: come back with the id of the "
    "last event you have.",
    tags=_TAGS,
    parameters=[
        StreamFilters,
        OpenApiParameter(
            "Last-Event-ID", OpenApiTypes.INT, OpenApiParameter.HEADER, description="The id of the last event you have."
        ),
    ],
    responses={(200, "text/event-stream"): OpenApiResponse(_STREAM, description="Server-sent events, as above.")},
)
CANCEL = extend_schema(
    operation_id="cancel_message",
    summary="Stop an answer",
    description="What was said so far is kept. Harmless on an answer that has ended.",
    tags=_TAGS,
    request=None,
    responses={200: AnswerSerializer, 202: OpenApiResponse(AnswerSerializer, description="It is about to stop.")},
)
MCP = extend_schema(
    operation_id="mcp",
    summary="Ask a chatbot with an MCP client",
    description="The Model Context Protocol over streamable HTTP, without sessions: one JSON-RPC message a request, with the headers that MCP"
    " clients send. The tools are `search` (passages) and `ask` (an answer with citations).",
    tags=_TAGS,
    request=OpenApiTypes.OBJECT,
    responses=OpenApiResponse(
        OpenApiTypes.OBJECT, description="A JSON-RPC answer; 202 without a body for a notification."
    ),
)
SEARCH = extend_schema(
    operation_id="search",
    summary="Search a chatbot's knowledge",
    description="By words (BM25) and by meaning (vectors), both scores normalised and mixed.",
    tags=_TAGS,
    request=SearchSerializer,
    responses=SearchAnswerSerializer,
)
