"""Server-sent events: frames, headers, and a log that any number of readers follow at their own pace.

A log's frames are numbered from 1 without gaps, so a frame's number is its place in the log and a reader that comes back with
``Last-Event-ID: 7`` goes on at frame 8. Readers hold no queue of their own: a slow one costs nothing but its place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any

import orjson
from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

from chatsphere.core.exceptions import Malformed
from chatsphere.core.lifespan import stopping

PING = b": ping\n\n"
PING_SECONDS = 15.0
_LAST_POSSIBLE = 2**53 - 1  # what a JavaScript client can still count
_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


def frame(number: int, event: str, data: Any) -> bytes:
    """One event. ``data`` is any value that orjson writes; its JSON never holds a newline, so it is one line."""
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (number, event.encode(), orjson.dumps(data))


def read_frame(raw: bytes) -> tuple[int, str, Any]:
    """What ``frame`` wrote: number, event, data."""
    number, event, data = raw.rstrip(b"\n").split(b"\n", 2)
    return int(number[4:]), event[7:].decode(), orjson.loads(data[6:])


def frame_number(raw: bytes) -> int:
    """The number of a frame."""
    return int(raw[4 : raw.index(b"\n")])


def split_frames(raw: bytes) -> list[bytes]:
    """Joined frames, apart again."""
    return [part + b"\n\n" for part in raw.split(b"\n\n") if part]


def last_event_id(header: str | None) -> int:
    """The number after which a client wants to go on; 0 when it says nothing. Raises Malformed for anything but a number."""
    if not header:
        return 0
    if not (header.isascii() and header.isdigit() and len(header) <= 16 and int(header) <= _LAST_POSSIBLE):
        raise Malformed(_("Last-Event-ID must be the id of an event of this stream."))
    return int(header)


class EventStreamResponse(StreamingHttpResponse):
    """An answer that proxies neither buffer nor rewrite. ``core.asgi_handler`` sends ``frames`` as they are."""

    def __init__(self, frames: AsyncGenerator[bytes, None]) -> None:
        self.frames = frames
        super().__init__(frames, content_type="text/event-stream; charset=utf-8", headers=_HEADERS)


class EventLog:
    """The frames of one run, in order. Appending and reading belong to one event loop."""

    __slots__ = ("_last_word", "_waiting", "frames", "is_closed", "touched_at")

    def __init__(self, frames: Iterable[bytes] = ()) -> None:
        self.frames: list[bytes] = list(frames)
        self.is_closed = False
        self.touched_at = time.monotonic()
        self._waiting: list[asyncio.Future[None]] = []  # one a reader: who goes away cancels only their own
        self._last_word: bytes | None = None

    def add(self, event: str, data: Any) -> None:
        """Append an event under the next number."""
        self.extend((frame(len(self.frames) + 1, event, data),))

    def extend(self, frames: Iterable[bytes]) -> None:
        """Append frames that are numbered already."""
        self.frames.extend(frames)
        self.touched_at = time.monotonic()
        self.wake()

    def close(self, last_word: bytes | None = None) -> None:
        """Nothing follows any more: readers end when they have read all.

        ``last_word`` is a last frame whose number does not follow on, for a run whose log is not known to its end.
        """
        self.is_closed = True
        self._last_word = last_word
        self.wake()

    def has_more(self, after: int) -> bool:
        """Whether a reader behind this number would still be told something."""
        if self._last_word is not None and frame_number(self._last_word) > after:
            return True
        return not self.is_closed or after < len(self.frames)

    def wake(self) -> None:
        """Let readers look again; one that finds nothing new sends a ping."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def change(self) -> None:
        """Wait for the next ``wake``."""
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        await mine

    async def read(self, after: int = 0) -> AsyncGenerator[bytes, None]:
        """Frames behind number ``after`` as they come, those that are there joined into one piece. Ends with the log.

        Whoever owns the log calls ``wake`` when it was silent for PING_SECONDS.
        """
        position = after
        while True:
            if position < len(self.frames):
                piece = b"".join(self.frames[position:])
                position = len(self.frames)
                yield piece
            elif self.is_closed:
                if self._last_word is not None and frame_number(self._last_word) > after:
                    yield self._last_word
                return
            else:
                await self.change()
                if position >= len(self.frames) and not self.is_closed:
                    yield PING


async def while_allowed(
    frames: AsyncGenerator[bytes, None], is_allowed: Callable[[], Awaitable[bool]], *, seconds: float
) -> AsyncGenerator[bytes, None]:
    """The same frames, as long as the reader may have them: nothing is given out later than ``seconds`` after the last look."""
    looked_at = time.monotonic()
    async with aclosing(frames):
        async for piece in frames:
            if time.monotonic() - looked_at >= seconds:
                if not await is_allowed():
                    return
                looked_at = time.monotonic()
            yield piece


async def with_pings(frames: AsyncIterator[bytes], *, seconds: float = PING_SECONDS) -> AsyncGenerator[bytes, None]:
    """The same frames, with a ping after each silence of so many seconds; for streams that have no EventLog. Ends when the server is
    asked to stop: the reader comes back to another."""
    following = asyncio.ensure_future(anext(frames, None))
    stop = asyncio.ensure_future(stopping().wait())
    try:
        while True:
            done, _pending = await asyncio.wait({following, stop}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if stop in done:
                return
            if not done:
                yield PING
                continue
            piece = following.result()
            if piece is None:
                return
            yield piece
            following = asyncio.ensure_future(anext(frames, None))
    finally:
        following.cancel()
        stop.cancel()
