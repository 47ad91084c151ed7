"""Many readers of event streams on one core: raw sockets, no parsing beyond what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked: ``make`` gives the request of that number, so that no two need be the same. ``first`` and ``last`` are bytes whose
    arrival is the first token and the end of an answer."""

    port: int
    make: Callable[[int], bytes]
    first: bytes
    last: bytes
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def request(self) -> bytes:
        """The next request."""
        return self.make(next(self._numbers))


@dataclass(slots=True)
class Sample:
    """One answer; seconds."""

    first_token: float
    total: float
    worst_gap: float
    is_good: bool


@dataclass(slots=True)
class Load:
    """All answers of a run and how long it took."""

    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def errors(self) -> int:
        return sum(not sample.is_good for sample in self.samples)


async def ask(target: Target) -> Sample:
    """One answer on a connection of its own."""
    began = time.perf_counter()
    try:
        return await asyncio.wait_for(_read(target, began), 180)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return Sample(0.0, time.perf_counter() - began, 0.0, is_good=False)


async def _read(target: Target, began: float) -> Sample:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    writer.write(target.request)
    first = 0.0
    gap, seen, before = 0.0, b"", began
    try:
        while piece := await reader.read(65536):
            now = time.perf_counter()
            seen = seen[-64:] + piece
            if first:
                gap = max(gap, now - before)
            elif target.first in seen:
                first = now - began
            before = now
            if target.last in seen:
                return Sample(first, now - began, gap, is_good=first > 0)
    finally:
        writer.close()
    return Sample(first, time.perf_counter() - began, gap, is_good=False)


async def run(target: Target, *, users: int, answers: int) -> Load:
    """So many users, each asking one question after another."""
    load = Load()

    async def user(number: int) -> None:
        await asyncio.sleep(min(number * 0.005, 0.5))
        for _ in range(answers):
            load.samples.append(await ask(target))

    began = time.perf_counter()
    await asyncio.gather(*(user(number) for number in range(users)))
    load.seconds = time.perf_counter() - began
    return load


async def hold(target: Target) -> tuple[asyncio.StreamWriter, str]:
    """Ask, read to the first token and stay: the open connection and the id of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    writer.write(target.request)
    seen = b""
    while target.first not in seen:
        piece = await asyncio.wait_for(reader.read(65536), 60)
        if not piece:
            raise SystemExit(f"The answer ended: {seen[-300:]!r}")
        seen += piece
    return writer, seen.partition(b'"message_id":"')[2][:36].decode()


async def come_back(port: int, message: str, key: str) -> asyncio.StreamWriter | None:
    """Go on with an answer behind its first event, up to the headers; None when that is refused."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /api/v1/messages/{message}/events/ HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"Last-Event-ID: 1\r\n\r\n".encode()
    )
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    if b" 200 " in head.split(b"\r\n")[0]:
        return writer
    writer.close()
    return None
