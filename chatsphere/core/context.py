"""What a request is known by in logs and errors, wherever the code runs."""

from __future__ import annotations

import re
from contextvars import ContextVar

from chatsphere.core.identifiers import new_id

request_id: ContextVar[str] = ContextVar("request_id", default="")

_WELL_FORMED = re.compile(r"[A-Za-z0-9_.\-]{8,64}\Z")


def take_request_id(given: str | None) -> str:
    """The client's id when it is 8 to 64 letters, digits, ``_ . -``; else a new one. Remembered for this context."""
    value = given if given and _WELL_FORMED.match(given) else new_id().hex
    request_id.set(value)
    return value
