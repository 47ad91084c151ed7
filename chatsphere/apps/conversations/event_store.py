"""The events of runs in Redis, so that another web process can go on with a stream.

One Redis stream a run. An entry holds joined frames and its id is the number of the last of them: ``<last>-0``. It lives while the run
goes on and two minutes longer. Without Redis a run is not disturbed: readers of other processes then wait for the row in PostgreSQL.

Redis may lose streams, whole or in part (a restart, a master that was replaced, an eviction). Only a batch that begins with the first frame
makes a stream, so that a lost one is noticed by the next batch and never has a beginning in its middle.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from redis.exceptions import ResponseError

from chatsphere.core.redis_clients import REDIS_AWAY, async_client
from chatsphere.core.sse import split_frames

logger = logging.getLogger("chatsphere.conversations")
RUNNING_SECONDS = 4_000  # longer than the longest answer
ENDED_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Batch:
    """New frames of a run; ``last`` is the number of the last one."""

    message_id: UUID
    last: int
    frames: bytes
    is_start: bool
    is_end: bool


class Fate(Enum):
    """What became of a batch. LOST: the stream is not there (any more), it must begin anew. FAILED: Redis is away or refuses to write."""

    STORED = "stored"
    LOST = "lost"
    FAILED = "failed"


async def write(batches: Iterable[Batch]) -> list[Fate]:
    """Append all batches in one round trip; the fate of each, in order. A batch that stands there already is STORED; one that is a start
    takes the place of what stood there."""
    pipe, places = async_client().pipeline(transaction=False), []
    for batch in batches:
        key = _key(batch.message_id)
        if batch.is_start:
            pipe.unlink(key)
        places.append(len(pipe))
        pipe.xadd(key, {b"f": batch.frames}, id=f"{batch.last}-0", nomkstream=not batch.is_start)
        if batch.is_start or batch.is_end:
            pipe.expire(key, ENDED_SECONDS if batch.is_end else RUNNING_SECONDS)
    try:
        answers = await pipe.execute(raise_on_error=False)
    except REDIS_AWAY as error:
        logger.warning("Redis is away, streams cannot move between processes: %s", error)
        return [Fate.FAILED] * len(places)
    return _fates([answers[place] for place in places])


def _fates(answers: list[Any]) -> list[Fate]:
    fates = [_fate(answer) for answer in answers]
    if Fate.FAILED in fates:
        refusal = answers[fates.index(Fate.FAILED)]
        logger.warning("Redis refuses to write, streams cannot move between processes: %s", refusal)
    return fates


def _fate(answer: object) -> Fate:
    if isinstance(answer, ResponseError) and "equal or smaller" in str(answer):
        return Fate.STORED  # the answer to an earlier try was not heard
    if isinstance(answer, Exception):
        return Fate.FAILED
    return Fate.LOST if answer is None else Fate.STORED


async def server() -> str:
    """Which run of which Redis answers: another name after each restart and each change of the master. Empty when it does not say."""
    try:
        info = await async_client().info("server")
    except REDIS_AWAY:
        return ""
    return str(info.get("run_id", ""))


async def read(positions: Mapping[UUID, int], *, wait_ms: int | None = None) -> dict[UUID, list[bytes]]:
    """The frames behind a number, by run; empty for runs without news. ``wait_ms`` waits so long for the first of them.

    Raises RedisError when Redis is away.
    """
    if not positions:
        return {}
    streams: dict[Any, Any] = {_key(message_id): f"{last}-0" for message_id, last in positions.items()}
    answer = await async_client().xread(streams, block=wait_ms)
    found: dict[UUID, list[bytes]] = {}
    for key, entries in _pairs(answer):
        joined = b"".join(fields[b"f"] for _id, fields in entries)
        found[UUID(key.decode().rpartition(":")[2])] = split_frames(joined)
    return found


def _pairs(answer: object) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    if isinstance(answer, dict):  # RESP3
        return [(key, [entry for part in parts for entry in part]) for key, parts in answer.items()]
    return list(answer) if isinstance(answer, list) else []


def _key(message_id: UUID) -> str:
    return f"chatsphere:run:{message_id}"
