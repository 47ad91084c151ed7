"""Streams of runs that live in another web process, or lived in one that is gone.

One follower a process reads the events of all followed runs from Redis over one connection. A stream that lost frames there is passed over
until its run has written it anew. PostgreSQL has the last word: when a run's row has ended but its last event does not come, the follower
makes it from the row.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from chatsphere.apps.conversations import event_store
from chatsphere.apps.conversations.answer import answer_object
from chatsphere.apps.conversations.turn import SQL
from chatsphere.core.async_database import DATABASE_AWAY, autocommit
from chatsphere.core.lifespan import of_this_loop
from chatsphere.core.redis_clients import REDIS_AWAY
from chatsphere.core.sse import PING_SECONDS, EventLog, frame, frame_number, read_frame

logger = logging.getLogger("chatsphere.conversations")
TERMINAL = ("message.completed", "error")
POLL_MS = 250
REST_SECONDS = 0.05  # between two reads: what many runs write one after the other is read together
UNUSABLE_SECONDS = 0.25  # after a read that would find the same again at once
LOOK_SECONDS = 1.0
AWAY_SECONDS = 1.0


@dataclass(slots=True)
class Followed:
    """A log that is filled from elsewhere, and how many readers it has. ``seen`` is the number of the last event any of them has."""

    workspace_id: UUID
    seen: int = 0
    log: EventLog = field(default_factory=EventLog)
    readers: int = 0
    ended_seen: bool = False


class Follower:
    """Follows runs for one event loop; its task lives as long as somebody reads."""

    def __init__(self) -> None:
        self._followed: dict[UUID, Followed] = {}
        self._task: asyncio.Task[None] | None = None
        self._looked_at = 0.0

    def follow(self, message_id: UUID, workspace_id: UUID, after: int = 0) -> EventLog:
        """The log of a run, for a reader behind event ``after``; every call needs an ``unfollow``."""
        followed = self._followed.setdefault(message_id, Followed(workspace_id))
        followed.readers += 1
        followed.seen = max(followed.seen, after)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return followed.log

    def unfollow(self, message_id: UUID) -> None:
        """One reader less; the last one takes the log along."""
        followed = self._followed[message_id]
        followed.readers -= 1
        if not followed.readers:
            del self._followed[message_id]

    async def close(self) -> None:
        """Let readers go: the runs go on elsewhere, and so can their readers."""
        for each in self._followed.values():
            each.log.close()

    async def _run(self) -> None:
        while open_ones := {key: f for key, f in self._followed.items() if not f.log.is_closed}:
            await self._read(open_ones)
            if time.monotonic() - self._looked_at >= LOOK_SECONDS:
                self._looked_at = time.monotonic()
                await self._look(open_ones)

    async def _read(self, followed: dict[UUID, Followed]) -> None:
        positions = {key: len(each.log.frames) for key, each in followed.items()}
        try:
            news = await event_store.read(positions, wait_ms=POLL_MS)
        except REDIS_AWAY as error:
            logger.warning("Redis is away, streams of other processes wait for their end: %s", error)
            await asyncio.sleep(AWAY_SECONDS)
            return
        taken = [_take(followed[message_id].log, frames) for message_id, frames in news.items()]
        if taken:
            await asyncio.sleep(REST_SECONDS if all(taken) else UNUSABLE_SECONDS)

    async def _look(self, followed: dict[UUID, Followed]) -> None:
        """Rows that ended: at the second look, when their last event had time to come, it is made here."""
        try:
            await self._close_ended(followed)
        except DATABASE_AWAY as error:
            logger.warning("Streams of other processes could not be looked after: %s", error)
        for each in followed.values():
            if time.monotonic() - each.log.touched_at >= PING_SECONDS - LOOK_SECONDS:
                each.log.touched_at = time.monotonic()
                each.log.wake()

    async def _close_ended(self, followed: dict[UUID, Followed]) -> None:
        async with autocommit() as connection:
            found = await connection.execute(SQL["ended_turns"], {"ids": list(followed)})
            ended = {row["id"] for row in await found.fetchall()}
        for message_id, each in followed.items():
            if message_id in ended and each.ended_seen and not each.log.is_closed:
                row = await find_answer(message_id, each.workspace_id)
                seen = max(each.seen, len(each.log.frames))
                each.log.close(await terminal_frame(row, each.workspace_id, seen=seen) if row else None)
            each.ended_seen = message_id in ended


def _take(log: EventLog, frames: list[bytes]) -> bool:
    """Take over what follows on the log; False when nothing does: Redis lost frames, its run will write them anew."""
    following: list[bytes] = []
    for each in frames:  # a run that began anew repeats, one whose frames got lost leaves a gap
        if frame_number(each) == len(log.frames) + len(following) + 1:
            following.append(each)
    if following:
        log.extend(following)
        if read_frame(following[-1])[1] in TERMINAL:
            log.close()
    return bool(following)


async def past_log(row: dict[str, Any], workspace_id: UUID, *, after: int = 0) -> EventLog:
    """The closed log of an ended answer, for a reader behind event ``after``: as it was, while Redis has it; else its last event
    alone."""
    try:
        frames = (await event_store.read({row["id"]: 0})).get(row["id"], [])
    except REDIS_AWAY:
        frames = []
    log = EventLog()
    if frames:
        _take(log, frames)
    if not log.is_closed:
        log.close(await terminal_frame(row, workspace_id, seen=max(after, len(log.frames))))
    return log


async def terminal_frame(row: dict[str, Any], workspace_id: UUID, *, seen: int) -> bytes:
    """The last event of an ended answer, from ``find_answer``. Of a run that died nobody knows how many events it sent: its end
    follows on the last one ``seen``, and keeps that number from then on."""
    number = row["last_event"] or 1
    if number < 0:
        async with autocommit() as connection:
            ids = {"id": row["id"], "workspace_id": workspace_id, "seen": seen}
            fixed = await (await connection.execute(SQL["number_the_end"], ids)).fetchone()
        again = None if fixed else await find_answer(row["id"], workspace_id)  # another reader was first
        number = (fixed or again or {"last_event": seen + 1})["last_event"]
    if row["state"] == "failed":
        return frame(number, "error", {"type": row["error_type"], "message": row["error_message"]})
    return frame(number, "message.completed", answer_object(row))


async def find_answer(message_id: UUID, workspace_id: UUID) -> dict[str, Any] | None:
    """The row of an answer with its citations; None when it is not there or another's."""
    async with autocommit() as connection:
        found = await connection.execute(SQL["find_answer"], {"id": message_id, "workspace_id": workspace_id})
        return await found.fetchone()


_followers: WeakKeyDictionary[asyncio.AbstractEventLoop, Follower] = WeakKeyDictionary()


def follower() -> Follower:
    """The running loop's follower."""
    return of_this_loop(_followers, Follower, lambda follower: follower.close)
