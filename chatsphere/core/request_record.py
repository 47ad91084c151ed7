"""What is told of a request when it has ended: filled in by whoever knows, read once by the log and the metrics."""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from chatsphere.core import context
from chatsphere.core.principal import Principal

UNMATCHED = "unmatched"  # paths that nothing answers: they may be anything, so they are counted as one
_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>:]+)>")
_GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")


@dataclass(slots=True)
class RequestRecord:
    """``route`` is a template, such as ``/api/v1/chatbots/{chatbot_id}/``; ``principal`` is who was let in."""

    route: str = UNMATCHED
    principal: Principal | None = None
    is_stream: bool = False


current: ContextVar[RequestRecord | None] = ContextVar("request_record", default=None)


def note_route(match: Any) -> None:
    """Remember where a path led, and the ids that stand in it, for every line that follows."""
    record = current.get()
    if record is not None:
        record.route = template(match.route)
    ids = {
        name: match.kwargs[name] for name in ("chatbot_id", "message_id", "run_id", "source_id") if name in match.kwargs
    }
    if ids:
        context.bind(**ids)


def note_principal(principal: Principal) -> None:
    """Remember who was let in; called by authentication, wherever it runs."""
    context.bind(workspace_id=principal.workspace_id)
    record = current.get()
    if record is not None:
        record.principal = principal


def note_stream() -> None:
    """Remember that the answer is a stream, which lasts as long as somebody listens."""
    record = current.get()
    if record is not None:
        record.is_stream = True


@lru_cache(maxsize=1024)
def template(route: str) -> str:
    """Django's spelling of a route in that of the OpenAPI document. Regular expressions become readable, too."""
    plain = _GROUP.sub(r"{\1}", route.replace("^", "").replace("$", "").replace(r"\Z", ""))
    return "/" + _PARAMETER.sub(r"{\1}", plain).lstrip("/")
