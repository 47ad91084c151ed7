"""The transport against servers that speak HTTP in every way that is allowed, and in some that are not."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.services.ai.lean_transport import ChunkDecoder, LeanTransport

Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(*answers: bytes, pause: float = 0.0) -> AsyncIterator[tuple[httpx2.AsyncClient, list[int]]]:
    """A server that gives these raw answers in turn; the list counts the requests of each connection."""
    connections: list[int] = []
    waiting = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(connections)
        connections.append(0)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                await reader.readexactly(length)
                connections[number] += 1
                answer = waiting.pop(0)
                for part in answer.split(b"||"):
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(pause)
                if b"Content-Length" not in answer and b"chunked" not in answer:
                    return
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with httpx2.AsyncClient(transport=LeanTransport(), base_url=url, timeout=1) as client:
        yield client, connections
    server.close()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe||llo", b"hello"),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (CHUNKED + b"5\r\nhel||lo\r||\n3;name=value\r\n wo\r\n3\r\nrld\r\n0\r\nTrailer: x\r\n\r||\n", b"hello world"),
    ],
)
async def test_bodies_of_every_framing(answer: bytes, content: bytes) -> None:
    async with serving(answer, pause=0.01) as (client, _):
        assert (await client.post("/", content=b"body")).content == content


async def test_a_connection_is_used_again() -> None:
    answers = [CHUNKED + b"2\r\nok\r\n0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]
    async with serving(*answers * 2) as (client, connections):
        for _ in range(4):
            assert (await client.post("/", content=b"x")).content == b"ok"
    assert connections == [4]


async def test_a_connection_is_not_used_again_when_told_so_or_left_early() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    endless = CHUNKED + b"2\r\nok\r\n"
    async with serving(closing, endless, closing) as (client, connections):
        await client.post("/")
        async with client.stream("POST", "/") as response:
            async for _ in response.aiter_bytes():
                break
        assert (await client.post("/")).content == b"ok"
    assert connections == [1, 1, 1]


async def test_requests_side_by_side() -> None:
    answers = [CHUNKED + b"2\r\nok\r\n0\r\n\r\n"] * 50
    async with serving(*answers) as (client, connections):
        responses = await asyncio.gather(*[client.post("/") for _ in range(50)])
    assert {response.content for response in responses} == {b"ok"}
    assert sum(connections) == 50


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhe",
        b"SMTP ready\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000,
        CHUNKED + b"zz\r\n",
        CHUNKED + b"-5\r\nhello\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"f" * 10_000,
        b"",
    ],
)
async def test_broken_answers_are_errors_of_the_client(answer: bytes) -> None:
    async with serving(answer) as (client, _):
        with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadTimeout, httpx2.ReadError)):
            await client.post("/")


async def test_silence_times_out() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe") as (client, _):
        with pytest.raises(httpx2.ReadTimeout):
            await client.post("/", timeout=0.2)


async def test_nobody_listening() -> None:
    async with httpx2.AsyncClient(transport=LeanTransport()) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.post("http://127.0.0.1:9/")


async def test_a_busy_stream_arrives_in_few_pieces_and_its_beginning_at_once() -> None:
    answer = CHUNKED + b"||".join([b"4\r\nword\r\n"] * 60) + b"||0\r\n\r\n"
    async with serving(answer, pause=0.005) as (client, _), client.stream("POST", "/") as response:
        began = time.monotonic()
        pieces = [(piece, time.monotonic() - began) async for piece in response.aiter_bytes()]
    assert b"".join(piece for piece, _ in pieces) == b"word" * 60
    assert len(pieces) < 40
    assert pieces[0][1] < 0.03


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(1, 300), max_size=12))
def test_chunks_decode_the_same_however_they_are_cut(chunks: list[bytes], cuts: list[int]) -> None:
    coded = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    places = [0, *sorted({cut for cut in cuts if cut < len(coded)}), len(coded)]
    decoder = ChunkDecoder()
    content = b"".join(decoder.feed(coded[start:end]) for start, end in itertools.pairwise(places))
    assert content == b"".join(chunks)
    assert decoder.is_complete
    assert not decoder.has_rest


async def test_tokens_are_handed_on_within_thirty_milliseconds() -> None:
    """Of a provider that sends one every eight: the joining of what comes together may cost no more. A busy machine gets five tries."""
    lateness = 1.0
    for _ in range(5):
        lateness = min(lateness, await _typical_lateness(tokens=60, pause=0.008))
        if lateness <= 0.03:
            return
    raise AssertionError(f"a typical token came {lateness * 1000:.0f} ms late")


async def _typical_lateness(*, tokens: int, pause: float) -> float:
    sent: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED)
        for _ in range(tokens):
            sent.append(time.monotonic())
            writer.write(b"1\r\nt\r\n")
            await asyncio.sleep(pause)
        writer.write(b"0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    got: list[float] = []
    async with httpx2.AsyncClient(transport=LeanTransport()) as client:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with client.stream("POST", url) as response:
            async for piece in response.aiter_bytes():
                got += [time.monotonic()] * len(piece)
    server.close()
    assert len(got) == tokens
    return sorted(arrived - left for arrived, left in zip(got, sent, strict=True))[tokens // 2]
