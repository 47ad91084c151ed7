"""Reads documents of strangers in a child process that may cost only so much.

One *reading server* a worker process: a small Python process, started at the first document, that has the parsers loaded and
never parses itself. For each document it forks, and the fork reads that one document under its limits: address space, CPU
seconds, no core dump, no file writes above a few bytes, no secrets in its environment, and no network where the kernel lets an
ordinary process give it up. So a document costs a fork (some milliseconds) and not the start of Python (hundreds), and what a
hostile file does to its process ends with it. The server goes after a minute without work, so that idle workers stay small.

Plain text, and Markdown without tables of HTML, are read in this process: our own code, linear, no parser in C.

Requests and answers are length-prefixed JSON; nothing that a document can influence is ever unpickled.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

import orjson

from chatsphere.services import errors
from chatsphere.services.content.extract import extract, finish, is_pdf, is_safe_here, load
from chatsphere.services.content.extract.detect import detect_media_type
from chatsphere.services.content.extract.wire import HEADER, document_from_json
from chatsphere.services.content.limits import DEFAULT_LIMITS, MEGABYTE, Limits
from chatsphere.services.errors import BrokenDocument, ContentError, LimitExceeded
from chatsphere.services.types import ExtractedDocument

_IN_PROCESS_BYTES = 32 * MEGABYTE  # above this even a text file is read in a child, for the memory's sake
_GRACE = 5.0  # seconds that the server has to kill a child and say so
_START_SECONDS = 30.0
_KEPT_ENVIRONMENT = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOME", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE"),
    *("OCR_LANGUAGES", "TESSDATA_PREFIX"),
)


def extract_in_child(
    data: Path | bytes,
    *,
    name: str,
    media_type_hint: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    main_text_only: bool = False,
    member: str = "",
    pages: tuple[int, int] | None = None,
    media_type: str = "",
) -> ExtractedDocument:
    """``extract`` under limits that the operating system enforces.

    Whatever the file does, this returns a document or raises a ContentError within ``limits.wall_seconds`` and a little:
    a crash, a loop, a bomb and a memory blow-up all end as one. Thread-safe; concurrent calls use a server each. Costs some
    10 ms more than ``extract``, and a quarter of a second when no server is warm. ``pages`` reads a part of a PDF (see ``Source``); its
    report then has ``pages_in_file``. Where ``media_type`` is given nothing is detected, whatever the bytes begin with.
    """
    is_known_pdf = isinstance(data, Path) and not member and not media_type and is_pdf(data)
    if not is_known_pdf:  # the only files that may be larger than what a process should hold
        content = load(data, limits)
        if not content.strip():
            raise errors.EmptyDocument("This file is empty.")
        found = media_type or detect_media_type(content, name=name, hint=media_type_hint)
        if not member and len(content) <= _IN_PROCESS_BYTES and is_safe_here(content, found):
            return extract(content, name=name, media_type_hint=media_type_hint, limits=limits, media_type=found)
        del content
    request = {
        "name": name,
        "media_type": media_type,
        "hint": media_type_hint,
        "main_text_only": main_text_only,
        "member": member,
        "pages": pages,
        "limits": asdict(limits),
    }
    with _as_file(data) as path:
        return finish(_POOL.read(request | {"path": str(path.resolve())}, limits))


@contextlib.contextmanager
def _as_file(data: Path | bytes) -> Iterator[Path]:
    if isinstance(data, Path):
        yield data
        return
    with tempfile.NamedTemporaryFile(prefix="chatsphere-") as file:
        file.write(data)
        file.flush()
        yield Path(file.name)


def close_servers() -> None:
    """End the reading servers of this process; they start again when they are needed."""
    _POOL.close()


class _ServerGone(Exception):
    """The server ended while or before it was asked."""


class _Server:
    """A reading server and the pipes to it. Used by one thread at a time."""

    def __init__(self) -> None:
        start = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            "from chatsphere.services.content.extract.child import serve; serve()"
        )
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-I", "-c", start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={key: os.environ[key] for key in _KEPT_ENVIRONMENT if key in os.environ},
            cwd="/",
            start_new_session=True,
        )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: Mapping[str, Any], limits: Limits) -> bytes:
        """The answer's bytes. Raises _ServerGone, and TimeoutError when even the server does not answer in time."""
        stdin, stdout = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        body = orjson.dumps(request)
        try:
            stdin.write(HEADER.pack(len(body)) + body)
            stdin.flush()
        except (BrokenPipeError, OSError) as error:
            raise _ServerGone from error
        _wait_readable(stdout.fileno(), limits.wall_seconds + _GRACE + _START_SECONDS)
        header = stdout.read(HEADER.size)
        if len(header) < HEADER.size:
            raise _ServerGone
        (size,) = HEADER.unpack(header)
        answer = stdout.read(size)
        if len(answer) < size:
            raise _ServerGone
        return answer

    def close(self) -> None:
        """End it and the child it may have, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()


def _wait_readable(descriptor: int, seconds: float) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    if not poll.poll(seconds * 1000):
        raise TimeoutError


class _Pool:
    """Idle servers. A process that was forked from one with servers leaves them alone and starts its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Server] = []
        self._owner = os.getpid()

    def read(self, request: Mapping[str, Any], limits: Limits) -> ExtractedDocument:
        for is_last_try in (False, True):
            server = self._take()
            try:
                answer = server.ask(request, limits)
            except _ServerGone as error:
                server.close()
                if is_last_try:
                    raise BrokenDocument("This file broke the program that reads it.") from error
            except TimeoutError as error:
                server.close()
                raise LimitExceeded(too_slow(limits)) from error
            except BaseException:
                server.close()  # interrupted between question and answer: its pipe is out of step
                raise
            else:
                self._give_back(server)
                return _result(answer)
        raise AssertionError("unreachable")

    def close(self) -> None:
        with self._lock:
            servers, self._idle = self._idle, []
        if self._owner == os.getpid():
            for server in servers:
                server.close()

    def _take(self) -> _Server:
        with self._lock:
            if self._owner != os.getpid():
                self._idle, self._owner = [], os.getpid()
            while self._idle:
                server = self._idle.pop()
                if server.is_alive:
                    return server
                server.close()
        return _Server()

    def _give_back(self, server: _Server) -> None:
        with self._lock:
            self._idle.append(server)


_POOL = _Pool()
atexit.register(close_servers)


def too_slow(limits: Limits) -> str:
    return f"Reading this file took longer than {limits.wall_seconds:g} seconds and was stopped."


def _result(answer: bytes) -> ExtractedDocument:
    try:
        content = orjson.loads(answer)
    except (orjson.JSONDecodeError, struct.error) as error:
        raise BrokenDocument("This file broke the program that reads it.") from error
    if "error" in content:
        raise _error_of(content["error"], content["message"])
    return document_from_json(content)


def _error_of(kind: str, message: str) -> ContentError:
    """Only errors about content come over the wire; whatever else is named becomes BrokenDocument."""
    found = getattr(errors, kind, None)
    is_known = isinstance(found, type) and issubclass(found, ContentError)
    error: ContentError = found(message) if is_known else BrokenDocument(message)  # type: ignore[misc]
    return error
