"""Reading an OpenAI chat completion request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import serializers

from chatsphere.apps.conversations.serializers import LONGEST_MESSAGE
from chatsphere.core.exceptions import Invalid
from chatsphere.services.types import Turn

MOST_MESSAGES = 500
LONGEST_INSTRUCTIONS = 8_000
LONGEST_HISTORY_TEXT = 2_000


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What applies of a completion request."""

    model: str
    question: str
    history: tuple[Turn, ...]
    instructions: str
    is_streamed: bool
    include_usage: bool
    temperature: float | None
    max_output_tokens: int | None
    conversation_id: UUID | None


class ExtensionSerializer(serializers.Serializer[Any]):
    """ChatSphere's own parameters."""

    conversation_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class StreamOptionsSerializer(serializers.Serializer[Any]):
    """OpenAI's ``stream_options``."""

    include_usage = serializers.BooleanField(required=False, default=False)


class OpenAIMessageSerializer(serializers.Serializer[Any]):
    """A message; content is text, or a list of text parts."""

    role = serializers.RegexField(r"(system|developer|user|assistant|tool|function)\Z", max_length=20)
    content = serializers.JSONField(allow_null=True, required=False, default=None)

    def validate_content(self, value: Any) -> str:
        if value is None or isinstance(value, str):
            return value or ""
        if isinstance(value, list) and all(
            isinstance(part, dict) and isinstance(part.get("text"), str) for part in value
        ):
            return "\n".join(part["text"] for part in value)
        raise serializers.ValidationError(_("Only text can be read here."))


class CompletionRequestSerializer(serializers.Serializer[Any]):
    """What of OpenAI's parameters has a meaning here; all others are passed over."""

    model = serializers.CharField(max_length=100, help_text="Id or slug of a chatbot.")
    messages = OpenAIMessageSerializer(many=True, allow_empty=False)
    stream = serializers.BooleanField(required=False, default=False, allow_null=True)
    stream_options = StreamOptionsSerializer(required=False, allow_null=True, default=None)
    temperature = serializers.FloatField(required=False, allow_null=True, default=None, min_value=0, max_value=2)
    max_tokens = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)
    max_completion_tokens = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)
    n = serializers.IntegerField(required=False, allow_null=True, default=1, min_value=1, max_value=1)
    chatsphere = ExtensionSerializer(required=False, allow_null=True, default=None)


def read_request(body: Any) -> CompletionRequest:
    """Validate a body. Raises DRF's ValidationError or Invalid, naming the parameter."""
    form = CompletionRequestSerializer(data=body)
    form.is_valid(raise_exception=True)
    given = cast(dict[str, Any], form.validated_data)
    *earlier, last = given["messages"][-MOST_MESSAGES:]
    if last["role"] != "user" or not last["content"].strip():
        raise Invalid(fields={"messages": [_("The last message must be the user's question.")]})
    if len(last["content"]) > LONGEST_MESSAGE:
        raise Invalid(
            fields={"messages": [_("The question may have at most %(most)s characters.") % {"most": LONGEST_MESSAGE}]}
        )
    return CompletionRequest(
        model=given["model"],
        question=last["content"],
        history=tuple(_turn(m) for m in earlier if m["role"] in ("user", "assistant") and m["content"]),
        instructions="\n\n".join(m["content"] for m in earlier if m["role"] in ("system", "developer"))[
            :LONGEST_INSTRUCTIONS
        ],
        is_streamed=bool(given["stream"]),
        include_usage=bool((given["stream_options"] or {}).get("include_usage")),
        temperature=given["temperature"],
        max_output_tokens=given["max_completion_tokens"] or given["max_tokens"],
        conversation_id=(given["chatsphere"] or {}).get("conversation_id"),
    )


def _turn(message: dict[str, Any]) -> Turn:
    return Turn(message["role"], message["content"][:LONGEST_HISTORY_TEXT])
