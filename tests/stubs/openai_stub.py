"""A small OpenAI-compatible server on loopback, for tests and benchmarks: ``python -m tests.stubs.openai_stub --port 9100``.

It serves ``/v1/chat/completions`` (streamed and not), ``/v1/embeddings`` and ``/v1/models``. Time to the first token and tokens a second
are set; one ticker writes for all streams, so that hundreds of them cost little. Faults are taken from a queue, one a request:

    429, 500, 400, 401     that status (429 with Retry-After)
    stall                  headers, then silence
    stall_midway           half of the tokens, then silence
    comments_midway        half of the tokens, then comments and empty deltas for ever
    thoughts               0.8 s of a model's thoughts, then the answer
    cut                    half of the tokens, then the connection is closed
    error_midway           half of the tokens, then an error object in the stream
    garbage                bytes that are no event stream
    wrong_json             events whose data is no JSON, or an embedding answer of another shape
    drop                   the connection is closed without an answer
    mute                   the connection stays open, nothing is said
    huge_line              a line of two megabytes that does not end
    dribble                a good stream whose bytes come a few at a time, cut anywhere
    no_usage, no_done      a good stream without a usage chunk, without [DONE]
    wrong_usage            negative and absurd usage
    shuffled, short, nan   embeddings out of order, one too few, or not finite
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import itertools
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

TICK = 0.002
TICKS_BETWEEN_LOOKS = 5  # whether clients have hung up
_STATUS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Error"}
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(slots=True)
class Settings:
    """How the stub behaves; may be changed while it runs."""

    first_token_seconds: float = 0.0
    tokens_per_second: float = 0.0  # 0: as fast as it can
    tokens: tuple[str, ...] = ()
    dimensions: int = 384
    embedding_seconds: float = 0.0
    retry_after: str = "0.01"
    faults: deque[str] = field(default_factory=deque)


def default_tokens(count: int) -> tuple[str, ...]:
    """An answer of so many tokens with a citation near its end."""
    words = [f" word{number}" for number in range(count)]
    if count > 4:
        words[0] = "The"
        words[-2:] = [" [1]", "."]
    return tuple(words)


@dataclass(slots=True)
class _Stream:
    """A running answer: ready-made frames and when each is due."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    frames: list[bytes]
    start: float
    pace: float
    done: asyncio.Future[None]
    sent: int = 0

    def write_due(self, now: float) -> bool:
        # The role stands in a frame of its own before the first token; both are due at the start.
        due = len(self.frames) if not self.pace else min(len(self.frames), int((now - self.start) * self.pace) + 2)
        if now >= self.start and due > self.sent:
            self.writer.write(b"".join(self.frames[self.sent : due]))
            self.sent = due
        return self.sent == len(self.frames) or self.writer.is_closing()


class OpenAIStub:
    """The server; ``requests`` keeps the bodies it was sent, newest last, ``hung_up`` when clients left before the end of a stream
    (``time.monotonic``, to 10 ms)."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings(tokens=default_tokens(20))
        self.requests: deque[dict[str, Any]] = deque(maxlen=1000)
        self.hung_up: deque[float] = deque(maxlen=1000)
        self._server: asyncio.Server | None = None
        self._streams: list[_Stream] = []
        self._stopped = asyncio.Event()
        self._clients: set[asyncio.StreamWriter] = set()
        self._ticker: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> str:
        """Listen; gives the base URL."""
        self._server = await asyncio.start_server(self._serve, host, port, backlog=1024)
        self._ticker = asyncio.create_task(self._tick())
        return f"http://{host}:{self._server.sockets[0].getsockname()[1]}/v1"

    async def stop(self) -> None:
        self._stopped.set()
        if self._ticker:
            self._ticker.cancel()
        if self._server:
            self._server.close()
        for stream in self._streams:
            if not stream.done.done():
                stream.done.set_result(None)
        for writer in list(self._clients):
            writer.transport.abort()

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        for tick in itertools.count():
            await self._wake.wait()
            if tick % TICKS_BETWEEN_LOOKS == 0:
                self._forget_those_who_hung_up()
            now = loop.time()
            running = []
            for stream in self._streams:
                if not stream.write_due(now):
                    running.append(stream)
                elif not stream.done.done():
                    stream.done.set_result(None)
            self._streams = running
            if not running:
                self._wake.clear()
            await asyncio.sleep(TICK)

    def _forget_those_who_hung_up(self) -> None:
        for stream in [each for each in self._streams if each.reader.at_eof() and not each.done.done()]:
            self.hung_up.append(time.monotonic())
            self._streams.remove(stream)
            stream.done.set_result(None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while not self._stopped.is_set():
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_content_length(head))
                await self._answer(head.split(b" ", 2)[1].decode(), body, reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _answer(self, path: str, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if path.endswith("/models"):
            writer.write(_json(200, {"object": "list", "data": [{"id": "stub", "object": "model"}]}))
            return
        request = orjson.loads(body)
        self.requests.append(request)
        fault = self.settings.faults.popleft() if self.settings.faults else ""
        if fault == "drop":
            raise ConnectionResetError
        if fault == "mute":
            await self._stopped.wait()
        elif fault.isdigit():
            writer.write(_failure(int(fault), self.settings.retry_after))
        elif path.endswith("/embeddings"):
            await asyncio.sleep(self.settings.embedding_seconds)
            writer.write(_json(200, _embeddings(request, self.settings.dimensions, fault)))
        elif request.get("stream"):
            await self._stream(request, fault, reader, writer)
        else:
            await asyncio.sleep(self._duration())
            writer.write(_json(200, _completion(request, self.settings.tokens)))

    def _duration(self) -> float:
        pace = self.settings.tokens_per_second
        return self.settings.first_token_seconds + (len(self.settings.tokens) / pace if pace else 0.0)

    async def _stream(
        self, request: dict[str, Any], fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(_STREAM_HEAD)
        if fault == "stall":
            await self._stopped.wait()
        if fault == "thoughts":
            for _ in range(40):
                writer.write(_event(request, {"reasoning_content": "hm"}))
                await asyncio.sleep(0.02)
        if fault == "dribble":
            whole = b"".join(_frames(request, self.settings.tokens, ""))
            for place in range(0, len(whole), 97):
                writer.write(whole[place : place + 97])
                await asyncio.sleep(0.001)
            return
        loop = asyncio.get_running_loop()
        start = loop.time() + self.settings.first_token_seconds
        frames = _frames(request, self.settings.tokens, fault)
        stream = _Stream(reader, writer, frames, start, self.settings.tokens_per_second, loop.create_future())
        self._streams.append(stream)
        self._wake.set()
        await stream.done
        if fault == "stall_midway":
            await self._stopped.wait()
        if fault == "comments_midway":
            while not self._stopped.is_set():
                writer.write(_chunked(b": keep-alive\n\n") + _event(request, {"content": ""}))
                await asyncio.sleep(0.02)
        if fault == "cut":
            await writer.drain()
            raise ConnectionResetError


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def _json(status: int, payload: Any, extra: str = "") -> bytes:
    body = orjson.dumps(payload)
    head = f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def _failure(status: int, retry_after: str) -> bytes:
    extra = f"Retry-After: {retry_after}\r\n" if status == 429 else ""
    return _json(status, {"error": {"message": f"stub answers {status}", "type": "stub", "code": None}}, extra)


def _completion(request: dict[str, Any], tokens: Sequence[str]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "created": 0,
        "model": request["model"],
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "".join(tokens)}}
        ],
        "usage": _usage(request, len(tokens)),
    }


def _usage(request: dict[str, Any], completion: int) -> dict[str, int]:
    prompt = sum(len(message["content"]) for message in request["messages"]) // 4
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _frames(request: dict[str, Any], tokens: Sequence[str], fault: str) -> list[bytes]:
    if fault == "garbage":
        return [_chunked(b"\xff\xfe<html>no events here</html>\n\n"), b"0\r\n\r\n"]
    if fault == "huge_line":
        return [_chunked(b"data: " + b"x" * 2_000_000), b"0\r\n\r\n"]
    if fault == "wrong_json":
        return [_chunked(b"data: {this is not json}\n\n"), b"0\r\n\r\n"]
    texts = (
        tokens[: len(tokens) // 2] if fault in {"stall_midway", "comments_midway", "cut", "error_midway"} else tokens
    )
    frames = [_event(request, {"role": "assistant", "content": ""})]
    frames += [_event(request, {"content": token}) for token in texts]
    if fault == "error_midway":
        return [*frames, _chunked(b'data: {"error": {"message": "overloaded", "code": 503}}\n\n'), b"0\r\n\r\n"]
    if fault in {"stall_midway", "comments_midway", "cut"}:
        return frames
    return frames + _ending(request, len(tokens), fault)


def _ending(request: dict[str, Any], count: int, fault: str) -> list[bytes]:
    frames = [_event(request, {}, finish="stop")]
    usage = _usage(request, count)
    if fault == "wrong_usage":
        usage = {"prompt_tokens": -5, "completion_tokens": 10**12, "total_tokens": 1}
    if request.get("stream_options", {}).get("include_usage") and fault != "no_usage":
        chunk = {"object": "chat.completion.chunk", "model": request["model"], "choices": [], "usage": usage}
        frames.append(_chunked(b"data: " + orjson.dumps(chunk) + b"\n\n"))
    if fault != "no_done":
        frames.append(_chunked(b"data: [DONE]\n\n"))
    return [*frames, b"0\r\n\r\n"]


def _event(request: dict[str, Any], delta: dict[str, str], finish: str | None = None) -> bytes:
    chunk = {
        "id": "chatcmpl-stub",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": request["model"],
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    return _chunked(b"data: " + orjson.dumps(chunk) + b"\n\n")


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _embeddings(request: dict[str, Any], dimensions: int, fault: str) -> dict[str, Any]:
    if fault == "wrong_json":
        return {"rows": []}
    texts = [request["input"]] if isinstance(request["input"], str) else request["input"]
    is_base64 = request.get("encoding_format") == "base64"
    size = request.get("dimensions") or dimensions
    data = [_embedding(index, text, size, is_base64=is_base64) for index, text in enumerate(texts)]
    if fault == "shuffled":
        data.reverse()
    if fault == "short":
        data.pop()
    if fault == "nan":
        data[0]["embedding"] = base64.b64encode(struct.pack("<f", float("nan")) * size).decode()
    tokens = sum(len(text) // 4 for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": request["model"], "usage": usage}


def _embedding(index: int, text: str, dimensions: int, *, is_base64: bool) -> dict[str, Any]:
    """Words hashed to places: texts that share words are near each other."""
    row = np.full(dimensions, 0.01, np.float32)
    for word in text.lower().split():
        row[zlib.crc32(word.encode()) % dimensions] += 1
    embedding: Any = base64.b64encode(row.tobytes()).decode() if is_base64 else row.tolist()
    return {"object": "embedding", "index": index, "embedding": embedding}


@contextlib.contextmanager
def running_stub(settings: Settings | None = None) -> Iterator[tuple[OpenAIStub, str]]:
    """The stub in a thread of its own, for callers of either colour; gives it and its base URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    stub = asyncio.run_coroutine_threadsafe(_make(settings), loop).result(5)
    try:
        yield stub, asyncio.run_coroutine_threadsafe(stub.start(), loop).result(5)
    finally:
        asyncio.run_coroutine_threadsafe(_end(stub), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _make(settings: Settings | None) -> OpenAIStub:
    return OpenAIStub(settings)


async def _end(stub: OpenAIStub) -> None:
    await stub.stop()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=1)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def _run(options: argparse.Namespace) -> None:
    settings = Settings(
        first_token_seconds=options.first_token_ms / 1000,
        tokens_per_second=options.tokens_per_second,
        tokens=default_tokens(options.tokens),
        dimensions=options.dimensions,
        embedding_seconds=options.embedding_ms / 1000,
        faults=deque(options.fault),
    )
    print(f"ready {await OpenAIStub(settings).start(options.port, options.host)}", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="An OpenAI-compatible stub for benchmarks.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--first-token-ms", type=float, default=50)
    parser.add_argument("--tokens-per-second", type=float, default=100)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--dimensions", type=int, default=1536)
    parser.add_argument("--embedding-ms", type=float, default=0)
    parser.add_argument("--fault", action="append", default=[], help="a fault for the next request; may be repeated")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
