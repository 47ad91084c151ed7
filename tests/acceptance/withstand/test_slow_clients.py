"""2,000 clients that send drop by drop (slowloris), half of them headers, half of them bodies, and come back when they are turned away."""

from __future__ import annotations

import asyncio
import resource
import statistics
import time
from collections import Counter
from contextlib import suppress
from threading import Thread
from urllib.parse import urlsplit

import psutil
import pytest

from tests.acceptance.withstand.conftest import House, well_again
from tests.acceptance.withstand.traffic import Traffic

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CLIENTS = 2_000
ATTACK_SECONDS = 60.0
MOST_MEMORY = 200  # MB that the web processes may grow by
HEADERS = b"POST /api/v1/auth/token/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


class Slow:
    """Clients in a thread of their own; how each connection ended is counted."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self.ends: Counter[str] = Counter()
        self.open = 0
        self.most_open = 0
        self._until = time.monotonic() + ATTACK_SECONDS
        self.thread = Thread(target=lambda: asyncio.run(self._run()))

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(CLIENTS)))

    async def _client(self, number: int) -> None:
        await asyncio.sleep(number / 400)  # they arrive over five seconds
        while time.monotonic() < self._until:
            with suppress(OSError):
                await self._connection(is_body=number % 2 == 0)

    async def _connection(self, *, is_body: bool) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            writer.write(HEADERS + b"Content-Length: 100000\r\n\r\n{" if is_body else HEADERS)
            end = await self._drip(reader, writer, b" " if is_body else b"X-Drop: 1\r\n")
            self.ends[f"{'body' if is_body else 'headers'}: {end}"] += 1
        finally:
            self.open -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _drip(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drop: bytes) -> str:
        answer = asyncio.ensure_future(reader.read(200))
        try:
            while time.monotonic() < self._until:
                done, _pending = await asyncio.wait({answer}, timeout=1.0)
                if done:
                    said = answer.result()
                    return said.split(b"\r\n", 1)[0].decode() if said else "closed"
                writer.write(drop)
                await writer.drain()
        except ConnectionError:
            return "closed"
        finally:
            answer.cancel()
        return "still open at the end"


def test_2000_slow_clients(house: House) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with house.traffic(house.account()) as traffic:
        time.sleep(10)
        before, memory = _median(traffic, 0.0), _memory(house)
        slow, began = Slow(house.stack.url), time.monotonic()
        slow.thread.start()
        time.sleep(ATTACK_SECONDS)
        during, grown = _median(traffic, began + 6), _memory(house) - memory
        unserved = [seen for seen in traffic.seen if seen.began >= began and not seen.is_fine]
        slow.thread.join()
        over = time.monotonic()
        print(
            f"\n{slow.most_open} open at once; {dict(slow.ends)}; median {before:.0f} → {during:.0f} ms; memory +{grown:.0f} MB"
        )
        assert slow.most_open >= 0.9 * CLIENTS, (
            f"only {slow.most_open} slow clients got in at once; the drill shows nothing"
        )
        assert not unserved, f"other users were not served: {unserved[:5]}, {len(unserved)} of {len(traffic.seen)}"
        turned_away = sum(count for end, count in slow.ends.items() if "still open" not in end)
        assert turned_away >= CLIENTS, f"slow clients are never turned away: {slow.ends}"
        assert grown < MOST_MEMORY, f"the web processes grew by {grown:.0f} MB"
        event = f"{CLIENTS} slow clients for {ATTACK_SECONDS:.0f} s (median {before:.0f} → {during:.0f} ms, memory +{grown:.0f} MB)"
        well_again(house, traffic, event, over)


def _median(traffic: Traffic, since: float) -> float:
    return 1000 * statistics.median(
        seen.ended - seen.began for seen in traffic.seen if seen.began >= since and seen.what == "read"
    )


def _memory(house: House) -> float:
    """Megabytes of the web processes."""
    web = psutil.Process(house.stack.pids()["web"])
    return sum(process.memory_info().rss for process in [web, *web.children(recursive=True)]) / 1e6
