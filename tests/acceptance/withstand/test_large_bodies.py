"""10,000 requests whose bodies are as large as they may be, or one byte larger: memory stays flat, others are served."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2
import psutil
import pytest

from tests.acceptance.withstand.conftest import House, well_again

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

REQUESTS = int(os.environ.get("WITHSTAND_BODIES", "10000"))
AT_ONCE = 8
LIMIT = 1024 * 1024
TENTHS = 10
MOST_GROWTH = 30  # MB from the median of the first five tenths to that of the last five; bodies in hand and free memory make it go up and down


def _body(size: int) -> bytes:
    """A chatbot whose system prompt is too long for it: read whole, checked, refused."""
    frame = json.dumps({"name": "x", "configuration": {"system_prompt": ""}})
    return json.dumps({"name": "x", "configuration": {"system_prompt": "a" * (size - len(frame))}}).encode()


def test_10000_bodies_at_the_limit(house: House) -> None:
    account = house.account()
    bodies = {LIMIT: _body(LIMIT), LIMIT + 1: _body(LIMIT + 1)}
    assert [len(body) for body in bodies.values()] == list(bodies)
    statuses: Counter[tuple[int, int]] = Counter()
    with house.traffic(account) as traffic, _client(account.token, house.stack.url) as http:

        def send(number: int) -> None:
            size = LIMIT if number % 4 else LIMIT + 1
            statuses[size, http.post("/api/v1/chatbots/", content=bodies[size]).status_code] += 1

        with ThreadPoolExecutor(AT_ONCE) as threads:
            sizes = []
            for _tenth in range(TENTHS):
                list(threads.map(send, range(REQUESTS // TENTHS)))
                sizes.append(_memory(house))
        over = time.monotonic()
        early, late = statistics.median(sizes[: TENTHS // 2]), statistics.median(sizes[TENTHS // 2 :])
        print(f"\n{dict(statuses)}; memory of web after each tenth: {', '.join(f'{size:.0f}' for size in sizes)} MB")
        assert set(statuses) == {(LIMIT, 422), (LIMIT + 1, 413)}, f"what came back: {dict(statuses)}"
        assert late - early < MOST_GROWTH, f"memory grew from {early:.0f} MB to {late:.0f} MB"
        failed = [seen for seen in traffic.seen if not seen.is_fine]
        assert not failed, f"other users were not served: {failed[:5]}"
        well_again(house, traffic, f"{REQUESTS} bodies at the limit (web {early:.0f} → {late:.0f} MB)", over)


def _client(token: str, url: str) -> httpx2.Client:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return httpx2.Client(base_url=url, trust_env=False, timeout=120, headers=headers)


def _memory(house: House) -> float:
    web = psutil.Process(house.stack.pids()["web"])
    return sum(process.memory_info().rss for process in [web, *web.children(recursive=True)]) / 1e6
