"""One line and a handful of figures for each request, written when its answer has ended.

It stands around the whole ASGI application, so that refused bodies are seen as well. A piece of a stream costs it one addition.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.urls import Resolver404

from chatsphere.core import context, metrics, request_record, tracing
from chatsphere.core.asgi_handler import match_of
from chatsphere.core.principal import PrincipalKind
from chatsphere.core.request_record import UNMATCHED, RequestRecord, template

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

logger = logging.getLogger("chatsphere.requests")
QUIET = ("/healthz", "/readyz", "/metrics", "/static/{path}")  # told at DEBUG while they answer well
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})  # a client may make up others
KINDS = {PrincipalKind.SECRET_KEY: "key"}  # a word that looks like a secret would have each line searched for one
NOT_FOUND = 404
BROKEN_OFF = 499  # the client left before there was an answer


class Counted:
    """``send`` of the server, with a look at what passes."""

    __slots__ = ("began", "bytes", "first_at", "is_complete", "send", "status")

    def __init__(self, send: Send) -> None:
        self.send = send
        self.began = time.perf_counter()
        self.first_at = 0.0
        self.status = BROKEN_OFF
        self.bytes = 0
        self.is_complete = False

    def __call__(self, message: Mapping[str, Any]) -> Awaitable[None]:
        """No coroutine of its own: the server's is handed through."""
        body = message.get("body")
        if body is None:
            self.status = message.get("status", self.status)
            self.first_at = time.perf_counter()
        else:
            self.bytes += len(body)
            self.is_complete = not message.get("more_body", False)
        return self.send(message)


class RequestLog:
    """Around the application; lifespan messages pass by."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.application(scope, receive, send)
        context.begin()
        record, counted = RequestRecord(), Counted(send)
        request_record.current.set(record)
        metrics.open_requests.inc()
        try:
            if tracing.is_on():
                await self._traced(scope, receive, counted, record)
            else:
                await self.application(scope, receive, counted)
        finally:
            metrics.open_requests.dec()
            _tell(scope["method"], scope["path"], record, counted)
        return None

    async def _traced(self, scope: dict[str, Any], receive: Receive, counted: Counted, record: RequestRecord) -> None:
        parent = next((value for name, value in scope["headers"] if name == b"traceparent"), b"").decode("latin-1")
        with tracing.span(
            scope["method"], {"http.request.method": scope["method"]}, kind="SERVER", parent=parent
        ) as span:
            try:
                await self.application(scope, receive, counted)
            finally:
                span.update_name(f"{scope['method']} {record.route}")
                span.set_attributes({"http.route": record.route, "http.response.status_code": counted.status})


def _tell(method: str, path: str, record: RequestRecord, counted: Counted) -> None:
    seconds = time.perf_counter() - counted.began
    if record.route == UNMATCHED and counted.status != NOT_FOUND:
        record.route = _route(path)
    _count(method, record, counted, seconds)
    level = _level(record, counted.status)
    if logger.isEnabledFor(level):
        _log(level, method, record, counted, seconds)


def _route(path: str) -> str:
    """Of an answer that came from a cache or was refused before anybody looked where the path leads."""
    try:
        return template(match_of(path).route)
    except Resolver404:
        return UNMATCHED


def _count(method: str, record: RequestRecord, counted: Counted, seconds: float) -> None:
    method = method if method in METHODS else "other"
    metrics.requests.labels(method, record.route, str(counted.status)).inc()
    if record.is_stream:
        metrics.stream_seconds.labels(record.route).observe(seconds)
        seconds = counted.first_at - counted.began if counted.first_at else seconds
    metrics.request_seconds.labels(method, record.route).observe(seconds)


def _level(record: RequestRecord, status: int) -> int:
    if status >= 500:
        return logging.WARNING
    return logging.DEBUG if record.route in QUIET else logging.INFO


def _log(level: int, method: str, record: RequestRecord, counted: Counted, seconds: float) -> None:
    data: dict[str, Any] = {
        "method": method,
        "route": record.route,
        "status": counted.status,
        "ms": round(seconds * 1000, 1),
        "bytes": counted.bytes,
    }
    principal = record.principal
    if principal is not None:
        data["principal"], data["principal_id"] = KINDS.get(principal.kind, principal.kind.value), principal.pk.hex
    if record.is_stream:
        data["first_ms"] = round((counted.first_at - counted.began) * 1000, 1)
    if not counted.is_complete:
        data["is_complete"] = False
    logger.log(level, "request", extra={"data": data})
