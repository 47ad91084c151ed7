"""What a look at a key costs, and what a cache in Redis in its place could save: ``python -m benchmarks.credentials``.

The statement that finds a key, its workspace and the version of the workspace's catalogue, beside a GET of a value of the same size from
Redis, both on the hot path's own clients, one at a time and sixteen at once. Time and the processor time of this process for each; medians of rounds
that take turns. Half a minute.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from statistics import median

import django

from benchmarks.api import _prepare
from benchmarks.chat import _servers

CALLS = 800  # a round
ROUNDS = 7
Look = Callable[[], Awaitable[object]]


def main() -> None:
    with _servers() as environment:
        account = _prepare({**environment, "EMBEDDING_MODEL": "hashing:256", "CHAT_MODEL": "extractive"})
        os.environ.update(environment)
        django.setup()
        asyncio.run(_compare(account["key"]))


async def _compare(key: str) -> None:
    from chatsphere.apps.users.credentials import authenticate_async
    from chatsphere.core.async_database import close_pool
    from chatsphere.core.redis_clients import async_client, close_async_client

    async def by_statement() -> object:
        return await authenticate_async(f"Bearer {key}")

    async def by_cache() -> object:
        return await async_client().get("credential")

    await async_client().set("credential", b"x" * 400)
    print(f"{'':30}{'ms each':>10}{'CPU ms':>10}")
    for at_once in (1, 16):
        looks: dict[str, Look] = {"the statement": by_statement, "a GET from Redis": by_cache}
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in looks}
        for _ in range(ROUNDS):
            for name, look in looks.items():
                rounds[name].append(await _round(look, at_once))
        for name, measured in rounds.items():
            wall, processor = (median(each) for each in zip(*measured[1:], strict=True))
            print(f"{name + f', {at_once} at once':30}{wall:>10.3f}{processor:>10.3f}")
    await close_async_client()
    await close_pool()


async def _round(look: Look, at_once: int) -> tuple[float, float]:
    """Milliseconds and milliseconds of this process's processor time for each look."""

    async def some() -> None:
        for _ in range(CALLS // at_once):
            assert await look() is not None

    wall, processor = time.perf_counter(), time.process_time()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return (time.perf_counter() - wall) / CALLS * 1000, (time.process_time() - processor) / CALLS * 1000


if __name__ == "__main__":
    main()
