"""The streams of conversations: what persons write, and that they took a conversation over or gave it back.

The events are rows (``models.News``). One watch a process asks PostgreSQL once a second for what is new in all conversations that somebody
follows here: one query, however many readers. Nothing depends on Redis, and any process goes on with any stream.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from chatsphere.apps.conversations.models import News
from chatsphere.core.async_database import DATABASE_AWAY, autocommit
from chatsphere.core.exceptions import Throttled
from chatsphere.core.lifespan import of_this_loop
from chatsphere.core.sse import PING_SECONDS, EventLog, frame, frame_number
from chatsphere.services.sql import statements

logger = logging.getLogger("chatsphere.conversations")
LOOK_SECONDS = 1.0
MOST_READERS = 20  # of one conversation in one process
LANE = "watch"


@dataclass(slots=True)
class Watched:
    """A conversation that somebody follows; its log holds all its events from the first one."""

    log: EventLog = field(default_factory=EventLog)
    readers: int = 0


class Watch:
    """Looks after the followed conversations of one event loop; its task lives as long as somebody reads."""

    def __init__(self) -> None:
        self._watched: dict[UUID, Watched] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def admit(self, conversation_id: UUID) -> None:
        """Raises Throttled when a conversation has all the readers it may have."""
        known = self._watched.get(conversation_id)
        if known is not None and known.readers >= MOST_READERS:
            raise Throttled(retry_after=LOOK_SECONDS)

    async def read(self, conversation_id: UUID, after: int) -> AsyncGenerator[bytes, None]:
        """Frames behind number ``after`` as they come; ends when the conversation is gone or the process stops."""
        is_new = conversation_id not in self._watched
        watched = self._watched.setdefault(conversation_id, Watched())
        watched.readers += 1
        try:
            if is_new:
                await self._look_now({conversation_id: watched})
            self._begin()
            async for piece in watched.log.read(after):
                yield piece
        finally:
            watched.readers -= 1
            if not watched.readers:
                self._watched.pop(conversation_id, None)

    async def close(self) -> None:
        """Let readers go: they come back to another process."""
        self._is_closed = True
        for each in self._watched.values():
            each.log.close()

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._watched and not self._is_closed:
            await asyncio.sleep(LOOK_SECONDS)
            followed = dict(self._watched)
            await self._look_now(followed)
            self._ping(followed)

    async def _look_now(self, followed: Mapping[UUID, Watched]) -> None:
        try:
            await self._look(followed)
        except DATABASE_AWAY as error:
            logger.warning("Followed conversations could not be looked at: %s", error)
        except Exception:  # one bad look must not end the watch over all
            logger.exception("Followed conversations could not be looked at")

    async def _look(self, followed: Mapping[UUID, Watched]) -> None:
        seen = {"ids": list(followed), "seen": [len(each.log.frames) for each in followed.values()]}
        async with autocommit(LANE) as connection:
            query = statements("chatsphere.apps.conversations")["news_of_conversations"]
            rows = await (await connection.execute(query, seen)).fetchall()
        news: dict[UUID, list[bytes]] = {row["conversation_id"]: [] for row in rows}
        for row in rows:
            if row["number"] is not None:
                news[row["conversation_id"]].append(_frame(row))
        for conversation_id, each in followed.items():
            if conversation_id not in news:
                each.log.close()
            elif news[conversation_id]:
                _extend(each.log, news[conversation_id])

    def _ping(self, followed: Mapping[UUID, Watched]) -> None:
        now = time.monotonic()
        for each in followed.values():
            if now - each.log.touched_at >= PING_SECONDS - LOOK_SECONDS:
                each.log.touched_at = now
                each.log.wake()


def _extend(log: EventLog, frames: list[bytes]) -> None:
    """Two looks at once may bring the same."""
    known = len(log.frames)
    log.extend([each for each in frames if frame_number(each) > known])


def _frame(row: Mapping[str, Any]) -> bytes:
    shown: dict[str, Any] = {"conversation_id": str(row["conversation_id"])}
    if row["kind"] == News.Kind.PERSON:
        shown["message"] = {
            "id": str(row["message_id"]),
            "parent": row["parent_id"] and str(row["parent_id"]),
            "role": "agent",
            "content": row["content"],
            "created_at": row["written_at"],
        }
    else:
        shown["state"] = "handoff" if row["kind"] == News.Kind.HANDED_OVER else "bot"
        shown["at"] = row["created_at"]
    return frame(row["number"], row["kind"], shown)


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = WeakKeyDictionary()


def watch() -> Watch:
    """The running loop's watch."""
    return of_this_loop(_watches, Watch, lambda watch: watch.close)
