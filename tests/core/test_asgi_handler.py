"""The ASGI handler: what Django promises holds, without its threads for views that never leave the event loop."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from django.core import signals
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import SimpleTemplateResponse
from django.test import override_settings
from django.urls import path

from chatsphere.core import asgi_handler, garbage
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
    seen.setdefault("view", []).append(threading.get_ident())
    return HttpResponse(b"sync")


class Drawn(SimpleTemplateResponse):
    @property
    def rendered_content(self) -> str:
        seen.setdefault("drawn", []).append(threading.get_ident())
        return "drawn"


def drawn(request: HttpRequest) -> Drawn:
    in_thread(request)
    return Drawn("none")


def pieces(request: HttpRequest) -> StreamingHttpResponse:
    in_thread(request)

    def made() -> Iterator[bytes]:
        for piece in (b"one ", b"two"):
            if "closed" not in seen:
                seen.setdefault("pieces_before_close", []).append(piece)
            yield piece

    return StreamingHttpResponse(made())


urlpatterns = [
    path("endless", endless),
    path("plain", plain),
    path("thread", in_thread),
    path("drawn", drawn),
    path("pieces", pieces),
]


@pytest.fixture(autouse=True)
def _site(monkeypatch: pytest.MonkeyPatch) -> Any:
    seen.clear()

    def close(**_kwargs: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            seen.setdefault("closed", []).append(threading.get_ident())

    monkeypatch.setattr(asgi_handler, "close_old_connections", close)
    signals.request_finished.connect(close)

    def note(**_kwargs: Any) -> None:
        seen["finished"] = threading.get_ident()

    signals.request_finished.connect(note)
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[]):
        yield
    signals.request_finished.disconnect(note)
    signals.request_finished.disconnect(close)


async def ask(
    name: str, *, leave_after: int | None = None, body: bytes = b"", handler: Handler | None = None
) -> list[dict[str, Any]]:
    """The messages sent; the client leaves when it has had so many."""
    sent: list[dict[str, Any]] = []
    gone = asyncio.Event()
    inbox = [{"type": "http.request", "body": body, "more_body": False}]

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
    await asyncio.wait_for((handler or Handler())(scope, receive, send), 10)
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


async def test_connections_of_a_view_are_given_up_in_its_thread_and_the_next_view_has_the_same_one() -> None:
    for _round in range(2):
        sent = await ask("thread")
        assert sent[0]["status"] == 200
        assert seen["closed"] == [*seen["view"]]

    assert len(seen["view"]) == 2
    assert set(seen["view"]) == {seen["view"][0]}
    assert threading.get_ident() not in seen["view"]


async def test_an_answer_that_is_drawn_later_is_drawn_in_the_thread_of_its_view() -> None:
    sent = await ask("drawn")
    assert b"".join(message.get("body", b"") for message in sent) == b"drawn"
    assert seen["drawn"] == seen["view"] != [threading.get_ident()]


async def test_what_streams_from_a_thread_keeps_its_connection_to_the_end() -> None:
    sent = await ask("pieces")
    assert b"".join(message.get("body", b"") for message in sent) == b"one two"
    assert seen["closed"] == seen["view"]
    assert seen["pieces_before_close"] == [b"one ", b"two"]


async def test_a_path_leads_to_its_view_whatever_was_asked_before() -> None:
    bodies = [
        b"".join(message.get("body", b"") for message in await ask(name)) for name in ("plain", "thread", "plain")
    ]
    assert bodies == [b"fine", b"sync", b"fine"]
    assert (await ask("nowhere"))[0]["status"] == 404


async def test_large_bodies_that_hang_on_themselves_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "WEIGHT", 100_000)
    handler = Handler()
    rings = []
    gc.disable()
    try:
        for _time in range(12):
            ring = Ring()
            rings.append(weakref.ref(ring))
            del ring
            await ask("plain", body=b"x" * 20_000, handler=handler)
    finally:
        gc.enable()

    assert sum(ring() is not None for ring in rings) == 2, "each five bodies, what was left behind is collected"


class Ring:
    def __init__(self) -> None:
        self.itself = self
