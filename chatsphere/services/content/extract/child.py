"""The reading server and its forks; see ``sandbox``. This module runs only in their processes."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson

from chatsphere.services.content.extract import read_document
from chatsphere.services.content.extract.wire import HEADER, document_to_json
from chatsphere.services.content.limits import Limits
from chatsphere.services.errors import ContentError, damaged

_IDLE_SECONDS = 60.0
_MAX_ANSWER = 512 * 1024 * 1024
_PRELOADED = ("lxml.etree", "lxml.html", "pypdfium2", "chatsphere.services.content.extract.docx")
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_MEMORY_MESSAGE = "Reading this file needed more memory than is allowed."
_BROKEN_MESSAGE = damaged("the program that reads it stopped").message


def serve() -> None:
    """Answer requests from standard input until it ends, or until nobody has asked for a minute."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is the worker's business
    _leave_network()
    for module in _PRELOADED:
        import_module(module)
    gc.freeze()  # forks share these pages
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while select.select([source], [], [], _IDLE_SECONDS)[0]:
        header = source.read(HEADER.size)
        if len(header) < HEADER.size:
            return
        request = orjson.loads(source.read(HEADER.unpack(header)[0]))
        answer = _read_in_fork(request, Limits(**request["limits"]))
        sink.write(HEADER.pack(len(answer)) + answer)
        sink.flush()


def _leave_network() -> None:
    """A network namespace of its own has no way out. Kernels that do not let ordinary users do that leave it as it is."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.geteuid() == 0:
        libc.unshare(_CLONE_NEWNET)
    else:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


# --- the server's side ---


def _read_in_fork(request: Mapping[str, Any], limits: Limits) -> bytes:
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiver)
        _be_child(request, limits, sender)
    os.close(sender)
    try:
        answer = _collect(receiver, limits.wall_seconds)
    finally:
        os.close(receiver)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return _judge(answer, status, limits)


def _collect(receiver: int, seconds: float) -> bytes | None:
    """What the child wrote until it closed the pipe; ``None`` when the time ran out first or it wrote too much."""
    end = time.monotonic() + seconds
    parts: list[bytes] = []
    size = 0
    while True:
        left = end - time.monotonic()
        if left <= 0 or size > _MAX_ANSWER:
            return None
        if select.select([receiver], [], [], left)[0]:
            part = os.read(receiver, 1 << 20)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)


def _judge(answer: bytes | None, status: int, limits: Limits) -> bytes:
    if answer is None:
        return _error(
            "LimitExceeded", f"Reading this file took longer than {limits.wall_seconds:g} seconds and was stopped."
        )
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL) and not answer:
        return _error("LimitExceeded", f"Reading this file took more than {limits.cpu_seconds} seconds of computing.")
    if not answer.endswith(b"}"):
        return _error("BrokenDocument", _BROKEN_MESSAGE)
    return answer


def _error(kind: str, message: str) -> bytes:
    return orjson.dumps({"error": kind, "message": message})


# --- the child's side ---


def _be_child(request: Mapping[str, Any], limits: Limits, sender: int) -> None:
    """Read, answer, and leave without running anything that belongs to the server."""
    try:
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _limit(limits)
        answer = _answer(request, limits)
        _write(sender, answer)
    finally:
        os._exit(0)


def _limit(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def _answer(request: Mapping[str, Any], limits: Limits) -> bytes:
    try:
        document = read_document(
            Path(request["path"]),
            name=request["name"],
            media_type_hint=request["hint"],
            limits=limits,
            main_text_only=request["main_text_only"],
            member=request["member"],
            pages=request["pages"] and tuple(request["pages"]),
            media_type=request["media_type"],
        )
        return document_to_json(document)
    except ContentError as error:
        return _error(type(error).__name__, error.message)
    except MemoryError:
        return _error("LimitExceeded", _MEMORY_MESSAGE)
    except RecursionError:
        return _error("LimitExceeded", "This document is too deeply nested to be read.")
    except Exception as error:  # noqa: BLE001  a parser may raise anything on a hostile file: its owner gets a sentence
        sys.stderr.write(f"reading {request['name']!r} failed: {error!r}\n")
        return _error("BrokenDocument", damaged("it cannot be read").message)


def _write(sender: int, answer: bytes) -> None:
    view = memoryview(answer)
    while view:
        view = view[os.write(sender, view) :]
