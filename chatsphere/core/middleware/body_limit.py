"""Bodies that are too large are refused before they are received.

Django takes a whole body in before the first line of its own middleware runs, so this stands around the ASGI application. A request
whose length is declared and small passes by for the price of one look at its headers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from chatsphere.core.context import take_request_id
from chatsphere.core.exceptions import TooLarge, envelope

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
Limits = Callable[[], tuple[int, int]]  # of a multipart body and of any other, in bytes


class _OverLimit(Exception):
    """More came than was allowed."""


class BodyLimit:
    """Answers 413 to a body over the limit, whether its length is declared or only found out while it comes in."""

    def __init__(self, application: Application, limits: Limits) -> None:
        self.application = application
        self.limits = limits

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.application(scope, receive, send)
        headers: dict[bytes, bytes] = {name.lower(): value for name, value in scope["headers"]}
        upload, other = self.limits()
        is_upload = headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data")
        limit = upload if is_upload else other
        declared = headers.get(b"content-length")
        if declared is not None and declared.isdigit():
            if int(declared[:20]) > limit:
                return await _refuse(headers, send)
            return await self.application(scope, receive, send)
        try:
            return await self.application(scope, _counted(receive, limit), send)
        except _OverLimit:
            return await _refuse(headers, send)


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


async def _refuse(headers: dict[bytes, bytes], send: Send) -> None:
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    request_id = take_request_id(given)
    answer = [
        (b"content-type", b"application/json"),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": TooLarge.status, "headers": answer})
    await send({"type": "http.response.body", "body": orjson.dumps(envelope(TooLarge()))})
