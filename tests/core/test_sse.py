"""Server-sent events: frames, logs and their readers."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from chatsphere.core import lifespan
from chatsphere.core.exceptions import Malformed
from chatsphere.core.sse import (
    PING,
    EventLog,
    EventStreamResponse,
    frame,
    last_event_id,
    read_frame,
    split_frames,
    with_pings,
)


def test_a_frame_reads_back_and_keeps_newlines_inside() -> None:
    raw = frame(7, "message.delta", {"text": "two\n\nlines\r\n"})
    assert raw.count(b"\n") == 4
    assert read_frame(raw) == (7, "message.delta", {"text": "two\n\nlines\r\n"})
    assert split_frames(raw + raw) == [raw, raw]


@pytest.mark.parametrize(("header", "number"), [(None, 0), ("", 0), ("0", 0), ("12", 12)])
def test_last_event_id_is_a_number(header: str | None, number: int) -> None:
    assert last_event_id(header) == number


@pytest.mark.parametrize("header", ["x", "-1", "1.5", "²", "9" * 30])
def test_anything_else_is_malformed(header: str) -> None:
    with pytest.raises(Malformed):
        last_event_id(header)


async def read(log: EventLog, after: int = 0) -> list[bytes]:
    return [piece async for piece in log.read(after)]


async def test_a_reader_gets_what_is_there_joined_and_then_what_comes() -> None:
    log = EventLog()
    log.add("a", 1)
    log.add("b", 2)
    reader = asyncio.create_task(read(log))
    await asyncio.sleep(0)
    log.add("c", 3)
    await asyncio.sleep(0.01)
    log.close()
    assert await reader == [log.frames[0] + log.frames[1], log.frames[2]]
    assert await read(log, after=2) == [log.frames[2]]
    assert not log.has_more(3)


async def test_a_silent_log_pings_when_woken() -> None:
    log = EventLog()
    reader = asyncio.create_task(read(log))
    await asyncio.sleep(0.01)
    log.wake()
    await asyncio.sleep(0.01)
    log.close()
    assert await reader == [PING]


async def test_a_reader_that_leaves_does_not_disturb_the_others() -> None:
    log = EventLog()
    leaving, staying = asyncio.create_task(read(log)), asyncio.create_task(read(log))
    await asyncio.sleep(0.01)
    leaving.cancel()
    await asyncio.sleep(0.01)
    log.add("a", 1)
    log.close()
    assert await staying == log.frames


async def test_the_last_word_of_an_unknown_log_comes_once() -> None:
    log = EventLog()
    log.add("a", 1)
    log.close(frame(99, "error", {}))
    assert await read(log, after=50) == [frame(99, "error", {})]
    assert await read(log) == [log.frames[0], frame(99, "error", {})]
    assert await read(log, after=99) == []
    assert log.has_more(98)
    assert not log.has_more(99)


async def test_other_streams_get_pings_in_their_silence() -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.sleep(0.05)
        yield b"two"

    pieces = [piece async for piece in with_pings(slow(), seconds=0.02)]
    assert pieces[0] == b"one"
    assert pieces[-1] == b"two"
    assert set(pieces[1:-1]) == {PING}


async def test_a_stream_without_an_end_ends_when_the_server_is_asked_to_stop() -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.sleep(60)

    frames = with_pings(silent(), seconds=30)
    assert await anext(frames) == b"first"
    waiting = asyncio.ensure_future(anext(frames, None))
    await asyncio.sleep(0.01)
    await lifespan._finish()
    assert await asyncio.wait_for(waiting, 1) is None


def test_proxies_are_told_neither_to_hold_nor_to_rewrite_a_stream() -> None:
    response = EventStreamResponse(EventLog().read())
    assert response["X-Accel-Buffering"] == "no"
    assert response["Cache-Control"] == "no-cache, no-transform"
    assert response["Content-Type"].startswith("text/event-stream")
    assert not response.has_header("Content-Length")


async def test_readers_that_do_not_read_cost_nothing_but_their_place() -> None:
    log = EventLog()
    readers = [log.read() for _ in range(200)]
    log.add("message.delta", {"text": "first"})
    for reader in readers:
        await anext(reader)
    tracemalloc.start()
    for _ in range(2_000):
        log.add("message.delta", {"text": "x" * 400})
    grown, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 2 * 2_000 * 500  # the answer once, not once for each of two hundred
    log.close()
    assert (await anext(readers[7])).count(b"event:") == 2_000
    for reader in readers:
        await reader.aclose()


async def test_a_reader_that_goes_away_takes_no_other_along() -> None:
    log = EventLog()
    waiting = [asyncio.ensure_future(anext(log.read())) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.sleep(0)
    log.add("message.delta", {"text": "on"})
    assert (await waiting[0]) == (await waiting[2]) == log.frames[0]
    assert waiting[1].cancelled()
