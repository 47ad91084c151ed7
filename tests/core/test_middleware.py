"""Request ids, and bodies that are refused before they are received."""

from __future__ import annotations

import asyncio
import errno
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.http import StreamingHttpResponse
from django.test import RequestFactory

from chatsphere.apps.users.actions import open_session
from chatsphere.config.asgi import may_upload
from chatsphere.core.asgi_handler import Handler
from chatsphere.core.async_database import close_pool
from chatsphere.core.exceptions import TooSlow, Unauthenticated
from chatsphere.core.middleware import body_limit
from chatsphere.core.middleware.body_limit import LONGEST_SILENCE, BodyLimit, Paced
from chatsphere.core.middleware.inline import CompressionMiddleware


@pytest.mark.parametrize("given", ["abcdefgh", "A-b_c.1234", "x" * 64])
def test_a_well_formed_request_id_comes_back(client: Any, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space", "a\u00e9bcdefgh", "abc{}defgh"])
def test_any_other_is_replaced(client: Any, given: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-Id": given})

    assert answer.headers["X-Request-Id"] != given
    assert len(answer.headers["X-Request-Id"]) == 32


async def test_async_requests_carry_one_too(async_client: Any) -> None:
    answer = await async_client.get("/healthz", headers={"X-Request-Id": "abcdefgh"})

    assert answer.headers["X-Request-Id"] == "abcdefgh"


class Served:
    """A request through BodyLimit: what the application read, and what came back."""

    def __init__(self, *, headers: dict[str, str], pieces: list[bytes], path: str = "/") -> None:
        self.read: list[bytes] = []
        self.sent: list[Any] = []
        self.reached = False
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._pieces = self._messages(pieces)
        self._path = path

    async def _messages(self, pieces: list[bytes]) -> AsyncIterator[dict[str, Any]]:
        for number, piece in enumerate(pieces, start=1):
            yield {"type": "http.request", "body": piece, "more_body": number < len(pieces)}

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached = True
        while True:
            message = await receive()
            self.read.append(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def run(self, *, upload: int, other: int, may_upload: Any = None) -> Any:
        async def send(message: Any) -> None:
            self.sent.append(message)

        scope = {"type": "http", "path": self._path, "headers": self._headers}
        limited = BodyLimit(self.application, lambda: (upload, other), may_upload)
        await limited(scope, self._pieces.__anext__, send)
        return self.sent[0]["status"]


async def test_a_small_body_passes() -> None:
    served = Served(headers={"content-length": "4"}, pieces=[b"ab", b"cd"])

    assert await served.run(upload=100, other=4) == 200
    assert served.read == [b"ab", b"cd"]


async def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    served = Served(headers={"content-length": "5", "x-request-id": "abcdefgh"}, pieces=[b"abcde"])

    assert await served.run(upload=100, other=4) == 413
    assert not served.reached
    error = json.loads(served.sent[1]["body"])["error"]
    assert (error["type"], error["request_id"]) == ("too_large", "abcdefgh")


@pytest.mark.parametrize(
    ("origin", "is_let_in"), [("https://console.example.com", True), ("https://evil.example", False)]
)
async def test_the_console_may_read_why_its_body_was_refused(origin: str, is_let_in: bool, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ("https://console.example.com",)
    served = Served(headers={"content-length": "5", "origin": origin}, pieces=[b"abcde"])

    assert await served.run(upload=100, other=4) == 413
    sent = dict(served.sent[0]["headers"])
    assert (sent.get(b"access-control-allow-origin") == origin.encode()) is is_let_in
    assert sent[b"vary"] == b"Origin"


@pytest.mark.parametrize("length", [None, "nonsense", "-1"])
async def test_a_body_without_a_length_is_counted_while_it_comes(length: str | None) -> None:
    headers = {} if length is None else {"content-length": length}
    served = Served(headers=headers, pieces=[b"ab"] * 1000)

    assert await served.run(upload=100, other=4) == 413
    assert len(served.read) == 2


async def test_uploads_have_a_limit_of_their_own() -> None:
    headers = {"content-length": "50", "content-type": "Multipart/Form-Data; boundary=x"}

    assert await Served(headers=headers, pieces=[b"x" * 50]).run(upload=100, other=4) == 200
    assert await Served(headers=headers, pieces=[b"x" * 50]).run(upload=49, other=100) == 413


@pytest.mark.parametrize("length", ["0" * 20 + "5", "0" * 5000 + "5"])
async def test_zeros_do_not_hide_a_length_over_the_limit(length: str) -> None:
    served = Served(headers={"content-length": length}, pieces=[b"abcde"])

    assert await served.run(upload=100, other=4) == 413
    assert not served.reached


@pytest.mark.parametrize("length", [{"content-length": "50"}, {}])
async def test_a_large_upload_is_only_taken_in_where_and_from_whom_it_may_come(length: dict[str, str]) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x", "authorization": "Bearer good", **length}
    asked = []

    async def may_upload(path: str, authorization: str | None) -> bool:
        asked.append((path, authorization))
        if authorization != "Bearer good":
            raise Unauthenticated
        return path == "/sources/"

    async def status(path: str, **changes: str) -> Any:
        served = Served(headers=headers | changes, pieces=[b"x" * 50], path=path)
        return await served.run(upload=100, other=4, may_upload=may_upload), sum(map(len, served.read))

    assert await status("/sources/") == (200, 50)
    assert await status("/healthz") == (413, 0)
    assert await status("/sources/", authorization="Bearer bad") == (401, 0)
    assert asked[0] == ("/sources/", "Bearer good")


async def test_a_small_upload_is_not_looked_at_twice() -> None:
    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": "4"}

    async def never(path: str, authorization: str | None) -> bool:
        raise AssertionError

    assert await Served(headers=headers, pieces=[b"abcd"]).run(upload=100, other=4, may_upload=never) == 200


@pytest.mark.django_db(transaction=True)
def test_the_platform_takes_large_bodies_from_people_only(alice: Any) -> None:
    signed_in = f"Bearer {open_session(user=alice).access}"
    strangers = (None, "Bearer x", "Bearer cs_sk_" + "0" * 32 + "_" + "x" * 43)

    async def look() -> None:
        try:
            assert await may_upload("/api/v1/chatbots/x/sources/", signed_in)
            assert not await may_upload("/healthz", signed_in)
            for stranger in strangers:
                with pytest.raises(Unauthenticated):
                    await may_upload("/api/v1/chatbots/x/sources/", stranger)
        finally:
            await close_pool()

    asyncio.run(look())


@pytest.mark.django_db
def test_whole_answers_are_compressed_on_request_and_their_tag_still_matches(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    made = client.post("/api/v1/chatbots/", {"name": "x"}).json()
    path = f"/api/v1/chatbots/{made['id']}/"

    answer = client.get(path, headers={"Accept-Encoding": "gzip"})

    assert answer.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(answer.content)) == made
    assert "Content-Encoding" not in client.get(path).headers
    changed = client.patch(path, {"name": "y"}, headers={"If-Match": answer.headers["ETag"]})
    assert changed.status_code == 200


def test_a_stream_is_never_compressed() -> None:
    request = RequestFactory().get("/", headers={"Accept-Encoding": "gzip"})
    stream = StreamingHttpResponse([b"x" * 1000], content_type="text/event-stream")

    answer = CompressionMiddleware(lambda request: stream)(request)

    assert "Content-Encoding" not in answer.headers
    assert b"".join(answer.streaming_content) == b"x" * 1000


class Dripping:
    """A body whose pieces take a while each; the clock is the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *pieces: tuple[float, bytes]) -> None:
        self.now = 1000.0
        self.waited: list[float] = []
        self._pieces = list(pieces)
        monkeypatch.setattr(body_limit.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(body_limit.asyncio, "timeout", self._timeout)

    @asynccontextmanager
    async def _timeout(self, seconds: float) -> AsyncIterator[None]:
        self._patience = seconds
        yield

    async def receive(self) -> dict[str, Any]:
        seconds, piece = self._pieces.pop(0)
        if seconds > self._patience:
            raise TimeoutError
        self.now += seconds
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces)}


async def _read_all(paced: Paced) -> int:
    size = 0
    while True:
        message = await paced()
        size += len(message["body"])
        if not message["more_body"]:
            return size


async def test_a_body_over_a_slow_line_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Dripping(monkeypatch, *[(10.0, b"x" * 16_384)] * 64)

    assert await _read_all(Paced(line.receive)) == 64 * 16_384


@pytest.mark.parametrize(
    "pieces", [[(1.0, b"x")] * 100, [(LONGEST_SILENCE + 1, b"x" * 100)], [(1.0, b"x" * 500_000), (21.0, b"x")]]
)
async def test_a_body_that_drips_is_408(pieces: list[tuple[float, bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    line = Dripping(monkeypatch, *pieces)
    with pytest.raises(TooSlow):
        await _read_all(Paced(line.receive))
    assert line.now < 1000 + 2 * LONGEST_SILENCE + 1


async def test_who_sends_no_body_in_time_is_told_so() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def never() -> Any:
        raise TimeoutError

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-length", b"5")]}
    await BodyLimit(application, lambda: (9, 9))(scope, never, send)

    assert (sent[0]["status"], json.loads(sent[1]["body"])["error"]["type"]) == (408, "too_slow")


@pytest.mark.django_db
def test_a_method_that_is_not_there_names_those_that_are(alice: Any, client_of: Any) -> None:
    answer = client_of(alice).generic("TRACE", f"/api/v1/chatbots/{uuid4()}/chat/")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


async def test_a_body_that_finds_no_room_on_the_disk_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"hello", "more_body": False}

    async def full(self: Any, receive: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Handler, "read_body", full)
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-length", b"5")]}
    await BodyLimit(Handler(), lambda: (9, 9))(scope, receive, send)

    error = json.loads(sent[1]["body"])["error"]
    assert (sent[0]["status"], error["type"], dict(sent[0]["headers"])[b"retry-after"]) == (503, "storage_full", b"5")
