"""How the OpenAI-compatible door stands in the OpenAPI document."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema

from chatsphere.apps.conversations.openai_requests import CompletionRequestSerializer

_TAGS = ["openai"]
_OBJECT = OpenApiTypes.OBJECT

MODELS = extend_schema(
    operation_id="openai_models",
    summary="The chatbots, as models",
    description="OpenAI's list of models: one for each active chatbot, named by its slug.",
    tags=_TAGS,
    responses=OpenApiResponse(
        _OBJECT, description="`{object: list, data: [{id, object, created, owned_by, chatsphere}]}`"
    ),
)
MODEL = extend_schema(
    operation_id="openai_model",
    summary="One chatbot, as a model",
    description="By id or slug.",
    tags=_TAGS,
    responses=OpenApiResponse(_OBJECT, description="`{id, object, created, owned_by, chatsphere}`"),
)
COMPLETIONS = extend_schema(
    operation_id="openai_chat_completions",
    summary="Ask a chatbot with an OpenAI client",
    description="`model` is the id or slug of a chatbot. The last user message is the question, those before it the history. Citations "
    "and ids stand under `chatsphere`; send `chatsphere: {conversation_id}` to go on with a stored conversation. Errors have "
    "OpenAI's shape: `{error: {message, type, param, code}}`.",
    tags=_TAGS,
    request=CompletionRequestSerializer,
    responses={
        (200, "application/json"): OpenApiResponse(_OBJECT, description="OpenAI's chat completion."),
        (200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, description="OpenAI's chunks, then `[DONE]`."),
    },
)
