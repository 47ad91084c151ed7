"""Twenty clients that each keep one connection and ask again as soon as they have an answer: raw sockets, no parsing beyond the length."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

PATIENCE = 20.0


@dataclass(slots=True)
class Load:
    """Seconds of each good answer, how many others there were, and how long all of it took."""

    seconds: list[float] = field(default_factory=list)
    bad: int = 0
    took: float = 0.0

    @property
    def a_second(self) -> float:
        return len(self.seconds) / self.took

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.seconds) or [float("nan")]
        return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))] * 1000


async def run(port: int, request: bytes, *, connections: int, seconds: float) -> Load:
    """So many connections, for so long."""
    load = Load()
    began = time.perf_counter()
    await asyncio.gather(*(_client(port, request, began + seconds, load) for _ in range(connections)))
    load.took = time.perf_counter() - began
    return load


async def _client(port: int, request: bytes, until: float, load: Load) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while (began := time.perf_counter()) < until:
            writer.write(request)
            if await asyncio.wait_for(_read(reader), PATIENCE):
                load.seconds.append(time.perf_counter() - began)
            else:
                load.bad += 1
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at >= 0:
        await reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
    elif b"transfer-encoding: chunked" in lower:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    return head[9:10] == b"2"
