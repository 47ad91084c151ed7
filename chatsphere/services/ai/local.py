"""The client of the embedder server: questions from web processes, passages from workers, over one Unix socket."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from tokenizers import Tokenizer

from chatsphere.services.ai.embedder_protocol import (
    HEADER,
    Kind,
    frame,
    pack_texts,
    read_header,
    unpack_hello,
    unpack_readings,
    unpack_vectors,
)
from chatsphere.services.ai.local_files import MINILM, LocalModelFiles, load_tokenizer, local_model_files
from chatsphere.services.ai.tokens import estimate_tokens
from chatsphere.services.errors import (
    EngineMisconfigured,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from chatsphere.services.types import EmbeddingModel, Reading, Vector, Vectors

PASSAGES_PER_REQUEST = 32
MAX_TEXT_CHARS = 8_000  # far above the model's longest input; more would only be sent to be cut off
CONNECTIONS_PER_LOOP = 16
CONNECT_SECONDS = 2.0
SPECIAL_TOKENS = 4  # with the prefix of a passage

_BROKEN = (ConnectionError, FileNotFoundError, asyncio.IncompleteReadError)


class LocalEmbedder:
    """Embeds through the embedder server; holds no model, only (from the first ``count_tokens`` on) its tokenizer of 8 MB.

    When the server is away, one new connection is tried, then UpstreamUnavailable is raised; a busy server raises
    UpstreamRateLimited, a silent one UpstreamTimeout.
    """

    def __init__(
        self,
        socket_path: str | Path,
        *,
        model_id: str = MINILM.model.id,
        question_seconds: float = 10.0,
        passages_seconds: float = 120.0,
    ) -> None:
        self._files = local_model_files(model_id)
        self._path = str(socket_path)
        self._question_seconds = question_seconds
        self._passages_seconds = passages_seconds
        self._thread = threading.local()
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()

    @property
    def model(self) -> EmbeddingModel:
        return self._files.model

    @property
    def tells_words(self) -> bool:
        return self._files.tells_words

    def count_tokens(self, text: str) -> int:
        """By the model's own tokenizer, its two special tokens included; estimated on the high side where the model keeps it to
        itself. What is not above the model's longest input is read whole."""
        if self._files.tokenizer is None:
            return estimate_tokens(text) + SPECIAL_TOKENS
        return len(_tokenizer(self._files).encode(text).ids)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors in order. Blocks; sends 32 texts at a time, so that several workers share the model fairly."""
        parts = [self._vectors(*self._ask_sync(Kind.PASSAGES, part), len(part)) for part in _parts(texts)]
        return np.concatenate(parts) if parts else np.empty((0, self.model.dimensions), np.float32)

    def read_passages(self, texts: Sequence[str]) -> list[Reading]:
        """Like ``embed_passages``, with what each word means where the model tells it."""
        parts = [self._readings(*self._ask_sync(Kind.READ_PASSAGES, part), len(part)) for part in _parts(texts)]
        return [reading for part in parts for reading in part]

    async def read_question(self, text: str) -> Reading:
        """Like ``embed_query``, with what each word means where the model tells it."""
        return self._readings(*await self._ask(Kind.READ_QUESTION, [text]), 1)[0]

    async def embed_query(self, text: str) -> Vector:
        """The unit vector of a question, ahead of all passages."""
        vector: Vector = (await self.embed_texts([text]))[0]
        return vector

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Like ``embed_passages``, but for somebody who waits: at most 256 texts, ahead of all passages."""
        return self._vectors(*await self._ask(Kind.QUESTION, texts), len(texts))

    async def _ask(self, kind: Kind, texts: Sequence[str]) -> tuple[Kind, bytes]:
        body = _request_body(texts)
        pool = self._pools.setdefault(asyncio.get_running_loop(), _Pool(self._path, self.model))
        try:
            async with asyncio.timeout(self._question_seconds):
                return await pool.ask(frame(kind, body))
        except TimeoutError:
            raise UpstreamTimeout("The embedder did not answer in time.") from None
        except OSError as error:
            raise _unavailable(self._path, error) from error

    async def aclose(self) -> None:
        """Close this event loop's connections."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            pool.close()

    def _ask_sync(self, kind: Kind, texts: Sequence[str]) -> tuple[Kind, bytes]:
        try:
            return self._exchange(frame(kind, _request_body(texts)))
        except TimeoutError:
            self._forget_connection()
            raise UpstreamTimeout("The embedder did not answer in time.") from None
        except OSError as error:
            self._forget_connection()
            raise _unavailable(self._path, error) from error

    def _exchange(self, request: bytes) -> tuple[Kind, bytes]:
        try:
            return self._connection().exchange(request)
        except _BROKEN:
            self._forget_connection()
            return self._connection().exchange(request)

    def _connection(self) -> _Connection:
        """This thread's connection; a process forked from another one opens its own."""
        if getattr(self._thread, "pid", None) != os.getpid():
            self._thread.connection = _Connection(self._path, self.model, self._passages_seconds)
            self._thread.pid = os.getpid()
        connection: _Connection = self._thread.connection
        return connection

    def _forget_connection(self) -> None:
        if getattr(self._thread, "pid", None) == os.getpid():
            self._thread.connection.close()
        self._thread.pid = None

    def _vectors(self, kind: Kind, body: bytes, count: int) -> Vectors:
        _check_answer(kind, body, Kind.VECTORS)
        return unpack_vectors(body, count=count, dimensions=self.model.dimensions)

    def _readings(self, kind: Kind, body: bytes, count: int) -> list[Reading]:
        _check_answer(kind, body, Kind.READINGS)
        return unpack_readings(body, count=count, dimensions=self.model.dimensions)


class _Connection:
    """A blocking connection of one thread."""

    def __init__(self, path: str, model: EmbeddingModel, seconds: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(CONNECT_SECONDS)
            self._socket.connect(path)
            _check_hello(*self._read(), model)
        except BaseException:
            self._socket.close()
            raise
        self._socket.settimeout(seconds)

    def exchange(self, request: bytes) -> tuple[Kind, bytes]:
        self._socket.sendall(request)
        return self._read()

    def _read(self) -> tuple[Kind, bytes]:
        kind, length = read_header(self._receive(HEADER.size))
        return kind, self._receive(length)

    def _receive(self, size: int) -> bytes:
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            received = self._socket.recv_into(view)
            if not received:
                raise ConnectionResetError("The embedder closed the connection.")
            view = view[received:]
        return bytes(buffer)

    def close(self) -> None:
        self._socket.close()


class _Pool:
    """The connections of one event loop: at most 16, the most recently used first; further callers wait."""

    def __init__(self, path: str, model: EmbeddingModel) -> None:
        self._path = path
        self._model = model
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._slots = asyncio.Semaphore(CONNECTIONS_PER_LOOP)

    async def ask(self, request: bytes) -> tuple[Kind, bytes]:
        async with self._slots:
            try:
                return await self._exchange(request)
            except _BROKEN:
                self.close()  # the server restarted: every other connection is dead, too
                return await self._exchange(request)

    async def _exchange(self, request: bytes) -> tuple[Kind, bytes]:
        reader, writer = self._free.pop() if self._free else await self._connect()
        try:
            writer.write(request)
            answer = await _read_async(reader)
        except BaseException:  # cancelled in the middle as well: the answer would reach the next question
            writer.close()
            raise
        self._free.append((reader, writer))
        return answer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_unix_connection(self._path)
            try:
                _check_hello(*await _read_async(reader), self._model)
            except BaseException:
                writer.close()
                raise
        return reader, writer

    def close(self) -> None:
        while self._free:
            self._free.pop()[1].close()


async def _read_async(reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
    try:
        kind, length = read_header(await reader.readexactly(HEADER.size))
        return kind, await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        raise ConnectionResetError("The embedder closed the connection.") from None


def _parts(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[start : start + PASSAGES_PER_REQUEST] for start in range(0, len(texts), PASSAGES_PER_REQUEST)]


def _check_answer(kind: Kind, body: bytes, wanted: Kind) -> None:
    if kind is wanted:
        return
    reason = body.decode(errors="replace")
    if kind is Kind.BUSY:
        raise UpstreamRateLimited(reason, retry_after=1.0)
    raise UpstreamInvalid(reason)


def _request_body(texts: Sequence[str]) -> bytes:
    return pack_texts([text[:MAX_TEXT_CHARS] for text in texts])


def _check_hello(kind: Kind, body: bytes, expected: EmbeddingModel) -> None:
    if kind is not Kind.HELLO or unpack_hello(body) != expected:
        raise EngineMisconfigured(
            f"The embedder serves another model than {expected.id}. Restart it with --model {expected.id}."
        )


def _unavailable(path: str, error: OSError) -> UpstreamUnavailable:
    reason = error.strerror or type(error).__name__
    return UpstreamUnavailable(f"The embedder at {path} cannot be reached ({reason}).", retry_after=1.0)


@functools.lru_cache(maxsize=4)
def _tokenizer(files: LocalModelFiles) -> Tokenizer:
    return load_tokenizer(files, truncate=False)
