"""The one process of a machine that holds the local embedding model: ``python -m chatsphere.services.ai.embedder_server``.

It listens on a Unix socket that only its own user may open, prints ``ready`` once it answers and ends on SIGTERM or SIGINT.
Passages are embedded by one thread a core at a lower operating-system priority; questions have threads of their own, so they never
wait for passages. Memory goes back to the operating system whenever nothing has been asked for two seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from chatsphere.services.ai.embedder_protocol import (
    HEADER,
    Kind,
    frame,
    pack_hello,
    pack_readings,
    pack_vectors,
    read_header,
    unpack_texts,
)
from chatsphere.services.ai.local_files import MINILM, local_model_files
from chatsphere.services.ai.local_model import AnyLocalModel, Encoded, LocalModel, Words, micro_batches
from chatsphere.services.ai.multilingual_model import MultilingualModel
from chatsphere.services.ai.word_meanings import pack
from chatsphere.services.errors import EngineError, EngineMisconfigured, UpstreamInvalid
from chatsphere.services.log_lines import plain_line
from chatsphere.services.types import Vectors

MAX_CLIENTS = 1024
MAX_WAITING = {Kind.QUESTION: 2_000, Kind.PASSAGES: 8_000}  # texts
READS = {Kind.READ_QUESTION: Kind.QUESTION, Kind.READ_PASSAGES: Kind.PASSAGES}
PASSAGE_NICENESS = 5
IDLE_SECONDS = 2.0
LONGEST_SOCKET_PATH = 100
_M_ARENA_MAX = -8  # glibc's number of the setting


class _Busy(Exception):
    """Too many texts are waiting."""


@dataclass(slots=True)
class _Request:
    """Texts of one client on their way through the model; the last finished micro-batch resolves ``done``."""

    encoded: Sequence[Encoded] | Sequence[Words]
    vectors: Vectors
    words: list[bytes]  # empty unless they are asked for
    missing: int  # micro-batches not yet finished
    done: asyncio.Future[_Request]
    loop: asyncio.AbstractEventLoop
    lock: threading.Lock = field(default_factory=threading.Lock)

    def finish(self, indexes: list[int], rows: Vectors, words: Sequence[bytes] = ()) -> None:
        with self.lock:
            self.vectors[indexes] = rows
            for index, packed in zip(indexes, words, strict=False):
                self.words[index] = packed
            self.missing -= 1
            is_last = self.missing == 0
        if is_last:
            self._resolve(None)

    def fail(self, error: Exception) -> None:
        self._resolve(error)

    def _resolve(self, error: Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server is ending
            self.loop.call_soon_threadsafe(self._set, error)

    def _set(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(self)
        else:
            self.done.set_exception(error)


class _Lane:
    """A bounded queue of micro-batches and the threads that work it off."""

    def __init__(self, model: AnyLocalModel, kind: Kind, *, threads: int, niceness: int) -> None:
        self._model = model
        self._is_question = kind is Kind.QUESTION
        self._limit = MAX_WAITING[kind]
        self._niceness = niceness
        self._waiting: deque[tuple[_Request, list[int]]] = deque()
        self._texts = 0
        self._changed = threading.Condition()
        for _ in range(threads):
            threading.Thread(target=self._work, daemon=True).start()

    @property
    def is_idle(self) -> bool:
        return self._texts == 0

    async def embed(self, texts: Sequence[str], *, with_words: bool = False) -> tuple[Vectors, list[bytes]]:
        """Queue the texts and wait; raises _Busy instead of queueing more than the limit."""
        if self._texts + len(texts) > self._limit:
            raise _Busy
        encode = partial(self._encoded, texts, with_words=with_words)
        encoded = await asyncio.to_thread(encode) if len(texts) > 1 else encode()
        done = await self._submit(encoded, with_words=with_words)
        return done.vectors, done.words

    def _encoded(self, texts: Sequence[str], *, with_words: bool) -> Sequence[Encoded] | Sequence[Words]:
        if with_words and isinstance(self._model, LocalModel):
            return self._model.encode_words(texts)
        return self._model.encode(texts, is_question=self._is_question)

    def _submit(self, encoded: Sequence[Encoded] | Sequence[Words], *, with_words: bool) -> asyncio.Future[_Request]:
        loop = asyncio.get_running_loop()
        batches = micro_batches([len(ids) for ids in encoded])
        vectors = np.empty((len(encoded), self._model.model.dimensions), np.float32)
        words = [b""] * len(encoded) if with_words else []
        request = _Request(encoded, vectors, words, len(batches), loop.create_future(), loop)
        if not batches:
            request.done.set_result(request)
        with self._changed:
            self._texts += len(encoded)
            self._waiting.extend((request, batch) for batch in batches)
            self._changed.notify(len(batches))
        return request.done

    def _work(self) -> None:
        _lower_priority(self._niceness)
        while True:
            request, indexes = self._take()
            try:
                if not request.done.done():
                    request.finish(indexes, *self._read([request.encoded[index] for index in indexes]))
            except Exception as error:  # noqa: BLE001 - whatever the model runtime raises belongs to this request, not to the thread
                request.fail(error)
            finally:
                with self._changed:
                    self._texts -= len(indexes)

    def _read(self, batch: Sequence[Any]) -> tuple[Vectors, list[bytes]]:
        if isinstance(self._model, LocalModel) and isinstance(batch[0], Words):
            vectors, meanings = self._model.read(batch)
            return vectors, [pack(rows, exact=self._is_question) for rows in meanings]
        return self._model.run(batch), []

    def _take(self) -> tuple[_Request, list[int]]:
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            return self._waiting.popleft()


class EmbedderServer:
    """Serves one model on one Unix socket until ``stop`` is set."""

    def __init__(self, model: AnyLocalModel, *, threads: int) -> None:
        self._model = model
        self._lanes = {
            Kind.QUESTION: _Lane(model, Kind.QUESTION, threads=threads, niceness=0),
            Kind.PASSAGES: _Lane(model, Kind.PASSAGES, threads=threads, niceness=PASSAGE_NICENESS),
        }
        self._clients: set[asyncio.StreamWriter] = set()
        self._used = asyncio.Event()

    async def serve(self, path: Path, stop: asyncio.Event) -> None:
        """Listen until ``stop``; prints ``ready`` when clients may connect. Removes its socket file at the end."""
        listener = claim_socket(path)
        server = await asyncio.start_unix_server(self._serve_client, sock=listener, limit=1 << 18, backlog=MAX_CLIENTS)
        trimmer = asyncio.create_task(self._give_memory_back())
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stop.wait()
        trimmer.cancel()
        server.close()
        for writer in list(self._clients):
            writer.close()
        release_socket(path)

    async def _serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MAX_CLIENTS:
            writer.close()
            return
        self._clients.add(writer)
        try:
            writer.write(frame(Kind.HELLO, pack_hello(self._model.model)))
            while True:
                writer.write(await self._answer(*await self._read(reader)))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away
        except UpstreamInvalid as error:  # not our protocol: nothing that follows can be trusted
            writer.write(frame(Kind.REFUSED, str(error).encode()))
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
        kind, length = read_header(await reader.readexactly(HEADER.size))
        return kind, await reader.readexactly(length)

    async def _answer(self, kind: Kind, body: bytes) -> bytes:
        lane = self._lanes.get(READS.get(kind, kind))
        if lane is None:
            raise UpstreamInvalid("Only questions and passages can be asked.")
        self._used.set()
        try:
            if kind not in READS:
                return frame(Kind.VECTORS, pack_vectors((await lane.embed(unpack_texts(body)))[0]))
            return frame(Kind.READINGS, pack_readings(*await lane.embed(unpack_texts(body), with_words=True)))
        except _Busy:
            return frame(Kind.BUSY, b"Too many texts are waiting to be embedded.")

    async def _give_memory_back(self) -> None:
        while True:
            await self._used.wait()
            self._used.clear()
            await asyncio.sleep(IDLE_SECONDS)
            if not self._used.is_set() and all(lane.is_idle for lane in self._lanes.values()):
                trim_memory()
            else:
                self._used.set()


def claim_socket(path: Path) -> socket.socket:
    """Bind the path for this user alone, over the file of a server that died. Raises EngineMisconfigured when one answers there."""
    if len(str(path).encode()) > LONGEST_SOCKET_PATH:
        raise EngineMisconfigured(f"The socket path {path} is too long. Choose one below {LONGEST_SOCKET_PATH} bytes.")
    if path.exists() and _answers(path):
        raise EngineMisconfigured(f"Another embedder is already serving {path}.")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(previous)
    return listener


def release_socket(path: Path) -> None:
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def trim_memory() -> None:
    """Give freed memory back to the operating system, where the C library can (glibc)."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _lower_priority(niceness: int) -> None:
    if niceness and sys.platform == "linux":  # elsewhere this would slow the whole process
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def keep_one_heap() -> None:
    """Let glibc's threads share one heap: 196 MB instead of 268 at the peak of a load, at the same speed. Call before any thread starts."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def load_model(model_id: str) -> AnyLocalModel:
    """The model in this process. Raises EngineMisconfigured when it is unknown or its package is missing."""
    files = local_model_files(model_id)
    return LocalModel(model_id) if files.tokenizer else MultilingualModel(files)


async def run(path: Path, model_id: str, threads: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    model = load_model(model_id)
    model.embed(["warm up"])
    trim_memory()
    await EmbedderServer(model, threads=threads).serve(path, stop)


def _is_json() -> bool:
    return os.environ.get("LOG_FORMAT", "json") == "json"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: 0 after a clean end, 1 with one sentence on stderr when it cannot start."""
    parser = argparse.ArgumentParser(
        prog="embedder_server", description="Serve a local embedding model on a Unix socket."
    )
    parser.add_argument("--socket", type=Path, required=True, help="path of the Unix socket to listen on")
    parser.add_argument("--model", default=MINILM.model.id, help="id of the local model")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="texts embedded at a time")
    options = parser.parse_args(arguments)
    keep_one_heap()
    try:
        asyncio.run(run(options.socket, options.model, max(1, options.threads)))
    except (EngineError, OSError) as error:
        sys.stderr.write(plain_line("chatsphere.embedder", "error", f"embedder: {error}", is_json=_is_json()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
