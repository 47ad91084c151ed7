"""The ASGI handler: what Django promises holds, without its threads for views that never leave the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from django.core import signals
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from chatsphere.core.asgi_handler import Handler
from chatsphere.core.sse import EventStreamResponse

seen: dict[str, Any] = {}


async def endless(_request: HttpRequest) -> EventStreamResponse:
    async def frames() -> AsyncGenerator[bytes, None]:
        try:
            yield b": one\n\n"
            await asyncio.sleep(60)
        finally:
            seen["ended"] = True

    return EventStreamResponse(frames())


async def plain(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"fine")


def in_thread(_request: HttpRequest) -> HttpResponse:
    seen["view"] = threading.get_ident()
    return HttpResponse(b"sync")


urlpatterns = [path("endless", endless), path("plain", plain), path("thread", in_thread)]


@pytest.fixture(autouse=True)
def _site() -> Any:
    seen.clear()

    def note(**_kwargs: Any) -> None:
        seen["finished"] = threading.get_ident()

    signals.request_finished.connect(note)
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[]):
        yield
    signals.request_finished.disconnect(note)


async def ask(name: str, *, leave_after: int | None = None) -> list[dict[str, Any]]:
    """The messages sent; the client leaves when it has had so many."""
    sent: list[dict[str, Any]] = []
    gone = asyncio.Event()
    inbox = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if inbox:
            return inbox.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))
        if len(sent) == leave_after:
            gone.set()

    scope = {"type": "http", "method": "GET", "path": f"/{name}", "headers": [(b"host", b"localhost")], "query_string": b""}  # fmt: skip
    await asyncio.wait_for(Handler()(scope, receive, send), 10)
    return sent


async def test_a_reader_who_leaves_ends_the_stream_and_nobody_hears_an_error() -> None:
    sent = await ask("endless", leave_after=2)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert dict(sent[0]["headers"])[b"X-Accel-Buffering"] == b"no"
    assert seen["ended"]
    assert seen["finished"] == threading.get_ident()
    await asyncio.sleep(0)  # the cancellation stayed inside


async def test_an_async_view_is_answered_without_a_thread() -> None:
    sent = await ask("plain")
    assert b"".join(message.get("body", b"") for message in sent) == b"fine"
    assert seen["finished"] == threading.get_ident()


async def test_what_a_thread_opened_is_closed_in_that_thread() -> None:
    sent = await ask("thread")
    assert sent[0]["status"] == 200
    assert seen["finished"] == seen["view"] != threading.get_ident()
