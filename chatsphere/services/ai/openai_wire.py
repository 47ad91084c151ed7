"""OpenAI's HTTP shapes as pure functions: what is sent, and what the bytes that come back mean.

Providers differ in small things, and none of these may break an answer: unknown fields, chunks without choices, comments, ``\\r\\n``,
characters cut between two reads, a missing ``[DONE]``, missing or absurd usage.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pybase64

from chatsphere.services.ai.prompts import Message
from chatsphere.services.ai.tokens import cut_to_tokens, estimate_message_tokens, estimate_tokens
from chatsphere.services.errors import EngineError, UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from chatsphere.services.types import ChatDone, ChatPrompt, FinishReason, TokenUsage, Vectors

MOST_TOKENS = 10_000_000  # usage above this is a mistake of the provider
LONGEST_LINE = 1_000_000
MAX_BATCH_TEXTS = 256
MAX_BATCH_TOKENS = 60_000

_PROGRESS = ("content", "reasoning_content", "reasoning")  # thoughts are named differently by different servers
_FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "content_filter": FinishReason.BLOCKED,
}


# --- chat ----------------------------------------------------------------------------------------------------------


def chat_body(model: str, messages: Sequence[Message], prompt: ChatPrompt, *, is_official: bool) -> dict[str, Any]:
    """A streaming chat request. OpenAI itself wants the newer name of the token limit, the others know the older one."""
    limit = "max_completion_tokens" if is_official else "max_tokens"
    return {
        "model": model,
        "messages": [Message(role=message["role"], content=well_formed(message["content"])) for message in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": prompt.temperature,
        limit: prompt.max_output_tokens,
    }


def well_formed(text: str) -> str:
    """Without lone surrogates, which no JSON can carry; they become "?"."""
    return text.encode("utf-8", "replace").decode()


def adapt_body(body: dict[str, Any], complaint: str) -> dict[str, Any] | None:
    """The request without the parameter that the provider's 400 names, under its other name where it has one; None if it names none."""
    for parameter in ("stream_options", "temperature", "max_tokens", "max_completion_tokens"):
        if parameter in body and f"{parameter}" in complaint:
            adapted = {key: value for key, value in body.items() if key != parameter}
            if parameter == "max_tokens":
                adapted["max_completion_tokens"] = body[parameter]
            return adapted
    return None


class EventParser:
    """Bytes of an event stream → the data of its events, however the reads cut it."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[bytes]:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LONGEST_LINE:
            raise UpstreamInvalid("The provider sent a line without an end.")
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            elif not line.strip() and self._data:
                yield self._take()

    def end(self) -> Iterator[bytes]:
        """What an ending without an empty line leaves behind."""
        yield from self.feed(b"\n\n")

    def _take(self) -> bytes:
        data, self._data = b"\n".join(self._data), []
        return data


@dataclass(slots=True)
class StreamReader:
    """Gathers one streamed answer. ``feed`` gives the text that arrived with one read, joined."""

    model: str
    is_finished: bool = False  # a finish reason or [DONE] was seen
    finish_reason: FinishReason = FinishReason.STOP
    usage: TokenUsage | None = None
    signs: int = 0  # events that brought the answer on: with text, or with a model's thoughts before it
    _parser: EventParser = field(default_factory=EventParser)
    _has_events: bool = False
    _failure: EngineError | None = None

    def feed(self, data: bytes) -> str:
        """Raises UpstreamInvalid for what is no JSON, UpstreamUnavailable or UpstreamRejected for an error inside the stream.

        An error behind text of the same read waits for ``check``, so that the text is not lost.
        """
        self.check()
        return self._join(self._parser.feed(data))

    def check(self) -> None:
        """Raises the error that stood behind the last text."""
        if self._failure:
            raise self._failure

    def _join(self, events: Iterator[bytes]) -> str:
        parts: list[str] = []
        try:
            parts.extend(map(self._read, events))  # keeps what was read before an error
        except EngineError as error:
            if not any(parts):
                raise
            self._failure = error
        return "".join(parts)

    def end(self) -> str:
        """The text left at the end of the stream. Raises UpstreamUnavailable when it broke off."""
        self.check()
        text = self._join(self._parser.end())
        if not self._has_events:
            raise UpstreamInvalid("The provider answered without a single event. Is the base URL right?")
        if not self.is_finished:
            raise UpstreamUnavailable("The provider's answer broke off.")
        return text

    def done(self, messages: Sequence[Message], answer: str) -> ChatDone:
        """The closing event; tokens are estimated when the provider sent none that can be true."""
        usage = self.usage or TokenUsage(
            estimate_message_tokens(message["content"] for message in messages),
            estimate_tokens(answer),
            is_estimated=True,
        )
        return ChatDone(self.finish_reason, usage, self.model)

    def _read(self, event: bytes) -> str:
        self._has_events = True
        if event == b"[DONE]":
            self.is_finished = True
            return ""
        chunk = _json_object(event)
        if chunk.get("error"):
            raise _error_in_stream(chunk["error"])
        self.model = chunk.get("model") or self.model
        self.usage = read_usage(chunk.get("usage")) or self.usage
        choices = chunk.get("choices")
        return self._read_choice(choices[0]) if isinstance(choices, list) and choices else ""

    def _read_choice(self, choice: Any) -> str:
        if not isinstance(choice, dict):
            return ""
        if choice.get("finish_reason"):
            self.is_finished = True
            self.finish_reason = _FINISH_REASONS.get(choice["finish_reason"], FinishReason.STOP)
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return ""
        if any(delta.get(name) for name in _PROGRESS):
            self.signs += 1
        content = delta.get("content")
        return content if isinstance(content, str) else ""


def read_usage(usage: Any) -> TokenUsage | None:
    """The provider's count, or None when it is missing, negative or absurd."""
    if not isinstance(usage, dict):
        return None
    counts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    if not all(isinstance(count, int) and 0 <= count <= MOST_TOKENS for count in counts) or not counts[0]:
        return None
    return TokenUsage(counts[0], counts[1] or 0)


def _json_object(event: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(event)
    except orjson.JSONDecodeError as error:
        raise UpstreamInvalid("The provider sent an event that is no JSON.") from error
    if not isinstance(value, dict):
        raise UpstreamInvalid("The provider sent an event that is no JSON object.")
    return value


def _error_in_stream(error: Any) -> EngineError:
    details = error if isinstance(error, dict) else {"message": error}
    message = f"The provider failed in the middle of the answer: {str(details.get('message'))[:200]}"
    code = str(details.get("code") or details.get("type") or "")
    is_permanent = code.startswith("4") or code in {"invalid_request_error", "authentication_error"}
    return UpstreamRejected(message) if is_permanent and code != "429" else UpstreamUnavailable(message)


# --- embeddings ----------------------------------------------------------------------------------------------------


def embedding_body(
    model: str, texts: Sequence[str], *, dimensions: int | None, is_base64: bool, max_tokens: int
) -> dict[str, Any]:
    """base64 is a quarter of the bytes and a tenth of the parsing; ``dimensions`` only where the model's own are shortened."""
    body: dict[str, Any] = {
        "model": model,
        "input": [well_formed(cut_to_tokens(text, max_tokens)) or " " for text in texts],
    }
    if dimensions:
        body["dimensions"] = dimensions
    if is_base64:
        body["encoding_format"] = "base64"
    return body


def embedding_batches(texts: Sequence[str]) -> list[range]:
    """Neighbouring texts in one request: at most 256 and about 60,000 tokens together."""
    batches: list[range] = []
    start = tokens = 0
    for index, text in enumerate(texts):
        count = estimate_tokens(text)
        if index > start and (index - start == MAX_BATCH_TEXTS or tokens + count > MAX_BATCH_TOKENS):
            batches.append(range(start, index))
            start, tokens = index, 0
        tokens += count
    return [*batches, range(start, len(texts))] if texts else []


def read_embeddings(content: bytes, *, count: int, dimensions: int) -> Vectors:
    """Unit vectors in the order asked for. Raises UpstreamInvalid for a wrong count, order, dimension or a value that is no number."""
    data = _json_object(content).get("data")
    if not isinstance(data, list) or len(data) != count:
        raise UpstreamInvalid(f"The provider did not send {count} embeddings.")
    rows = np.empty((count, dimensions), np.float32)
    seen = set()
    for place, item in enumerate(data):
        index = item.get("index", place) if isinstance(item, dict) else -1
        if not isinstance(index, int) or not 0 <= index < count or index in seen:
            raise UpstreamInvalid("The provider's embeddings are not numbered as asked for.")
        seen.add(index)
        rows[index] = _row(item.get("embedding"), dimensions)
    return _normalise(rows)


def _row(value: Any, dimensions: int) -> Any:
    try:
        row = np.frombuffer(pybase64.b64decode(value), "<f4") if isinstance(value, str) else np.array(value, np.float32)
    except (binascii.Error, ValueError, TypeError) as error:
        raise UpstreamInvalid("The provider sent an embedding that cannot be read.") from error
    if row.shape != (dimensions,):
        raise UpstreamInvalid(f"The provider's embeddings have {row.size} dimensions, not {dimensions}.")
    return row


def _normalise(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise UpstreamInvalid("The provider sent an embedding that is zero or not finite.")
    unit: Vectors = rows / lengths
    return unit
