"""Bodies that are too large are refused before they are received, and those that come in drop by drop while they do.

Django takes a whole body in before the first line of its own middleware runs, so this stands around the ASGI application. A request
whose length is declared and small passes by for the price of one look at its headers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from chatsphere.core.context import take_request_id
from chatsphere.core.exceptions import ApiError, TooLarge, TooSlow, envelope, headers
from chatsphere.core.middleware.cors import is_console

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
Limits = Callable[[], tuple[int, int]]  # of a multipart body and of any other, in bytes
MayUpload = Callable[[str, str | None], Awaitable[bool]]  # from path and Authorization; may raise ApiError


BODILESS = ("GET", "HEAD", "OPTIONS")
LONGEST_SILENCE = 20.0  # seconds between two pieces of a body
GRACE_SECONDS = 20.0  # in which it may come in as slowly as it will
LEAST_PACE = 1024  # bytes a second on average after that


class _OverLimit(Exception):
    """More came than was allowed."""


class BodyLimit:
    """Answers 413 to a body over the limit, whether its length is declared or only found out while it comes in.

    ``may_upload`` is asked before a multipart body over the other limit is taken in: what it refuses never fills the disk.
    """

    def __init__(self, application: Application, limits: Limits, may_upload: MayUpload | None = None) -> None:
        self.application = application
        self.limits = limits
        self.may_upload = may_upload

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.application(scope, receive, send)
        given: dict[bytes, bytes] = {name.lower(): value for name, value in scope["headers"]}
        declared = _declared(given)
        try:
            limit = await self._limit(scope["path"], given, declared)
            if declared is not None and declared > limit:
                raise TooLarge
            counted = receive if declared is not None else _counted(receive, limit)
            received = Paced(counted) if declared != 0 and scope.get("method") not in BODILESS else counted
            return await self.application(scope, received, send)
        except _OverLimit:
            return await _refuse(TooLarge(), given, send)
        except ApiError as error:
            return await _refuse(error, given, send)

    async def _limit(self, path: str, headers: dict[bytes, bytes], declared: int | None) -> int:
        upload, other = self.limits()
        is_multipart = headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data")
        if not is_multipart or (declared is not None and declared <= other):
            return upload if is_multipart else other
        authorization = headers.get(b"authorization")
        given = None if authorization is None else authorization.decode("latin-1")
        return upload if self.may_upload is None or await self.may_upload(path, given) else other


class Paced:
    """Receives a body as long as it comes in at a decent pace: not silent for longer than LONGEST_SILENCE, and after GRACE_SECONDS with
    LEAST_PACE on average. Whoever sends drop by drop holds a connection and memory. Raises TooSlow."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._began = time.monotonic()
        self._received = 0
        self._is_whole = False

    async def __call__(self) -> Message:
        if self._is_whole:  # what follows is the client's end, which may be long in coming
            return await self._receive()
        patience = self._began + GRACE_SECONDS + self._received / LEAST_PACE - time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, min(patience, LONGEST_SILENCE))):
                message = await self._receive()
        except TimeoutError as error:
            raise TooSlow from error
        self._received += len(message.get("body", b""))
        self._is_whole = not message.get("more_body")
        return message


def _declared(headers: dict[bytes, bytes]) -> int | None:
    """The length that the client declares; zeros in front do not hide the figures behind them."""
    text = headers.get(b"content-length")
    return int(text.lstrip(b"0")[:20] or b"0") if text is not None and text.isdigit() else None


def _counted(receive: Receive, limit: int) -> Receive:
    received = 0

    async def count() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _OverLimit
        return message

    return count


def _for_pages(request_headers: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """What lets the operators' console read why it was refused."""
    origin = request_headers.get(b"origin", b"")
    allowed = [(b"access-control-allow-origin", origin)] if is_console(origin.decode("latin-1")) else []
    return [*allowed, (b"vary", b"Origin")]


async def _refuse(error: ApiError, request_headers: dict[bytes, bytes], send: Send) -> None:
    given = request_headers.get(b"x-request-id", b"").decode("latin-1")
    request_id = take_request_id(given)
    answer = [
        (b"content-type", b"application/json"),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
        *((name.lower().encode(), value.encode()) for name, value in headers(error).items()),
    ]
    await send(
        {"type": "http.response.start", "status": error.status, "headers": [*answer, *_for_pages(request_headers)]}
    )
    await send({"type": "http.response.body", "body": orjson.dumps(envelope(error))})
