"""What code works for, known wherever it runs: ids of the request, workspace, chatbot, message and run, for logs, errors and hints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from chatsphere.core.identifiers import new_id

request_id: ContextVar[str] = ContextVar("request_id", default="")
_ids: ContextVar[Mapping[str, Any]] = ContextVar("ids", default={})  # noqa: B039 - never changed, only replaced

_WELL_FORMED = re.compile(r"[A-Za-z0-9_.\-]{8,64}\Z")


def take_request_id(given: str | None) -> str:
    """The client's id when it is 8 to 64 letters, digits, ``_ . -``; else a new one. Remembered for this context."""
    value = given if given and _WELL_FORMED.match(given) else new_id().hex
    request_id.set(value)
    return value


def begin() -> None:
    """Forget what this context has worked for so far."""
    request_id.set("")
    _ids.set({})


def bind(**ids: Any) -> None:
    """Add ids (``workspace_id``, ``chatbot_id``, ``message_id``, ``run_id``); they hold until the context ends. Empty ones are left out."""
    _ids.set({**_ids.get(), **{name: value for name, value in ids.items() if value}})


@contextmanager
def bound(**ids: Any) -> Iterator[None]:
    """``bind`` for a block. A ``request`` given replaces the request's id, also by an empty one."""
    request = ids.pop("request", None)
    tokens = _ids.set({**_ids.get(), **{name: value for name, value in ids.items() if value}})
    renamed = None if request is None else request_id.set(request)
    try:
        yield
    finally:
        _ids.reset(tokens)
        if renamed is not None:
            request_id.reset(renamed)


def known() -> dict[str, str]:
    """The ids of this context as text, for a line of the log or a message to a worker."""
    found = {"request_id": request_id.get()} if request_id.get() else {}
    return found | {name: str(value) for name, value in _ids.get().items()}
