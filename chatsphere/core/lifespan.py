"""The beginning and the end of a web process, as ASGI servers tell it. What has something to finish says so with ``at_shutdown``.

A server says that it ends only when its last connection is closed, and an open stream keeps its connection as long as an answer lasts.
So what must finish begins at the signal that stops the server, and the server's own word is waited for only to close the connections
to PostgreSQL and Redis, which requests may need until then.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from types import FrameType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from chatsphere.core import ticker
from chatsphere.core.async_database import close_pool
from chatsphere.core.redis_clients import close_async_client

logger = logging.getLogger("chatsphere.lifespan")
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
Finish = Callable[[], Awaitable[None]]
Kept = TypeVar("Kept")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_finishing: list[Finish] = []
_stopping: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Event] = WeakKeyDictionary()


def at_shutdown(finish: Finish) -> None:
    """Have ``finish`` awaited when the server is asked to stop; requests may still go on then. A thing says so once; it must end in
    seconds."""
    _finishing.append(finish)


def of_this_loop(
    known: MutableMapping[asyncio.AbstractEventLoop, Kept],
    make: Callable[[], Kept],
    finish_of: Callable[[Kept], Finish],
) -> Kept:
    """What the running loop has one of: from ``known``, else made now, put there, and finished at shutdown."""
    loop = asyncio.get_running_loop()
    existing = known.get(loop)
    if existing is None:
        existing = known[loop] = make()
        at_shutdown(finish_of(existing))
    return existing


def stopping() -> asyncio.Event:
    """Is set when the running loop's server is asked to stop: a stream that has no end of its own ends then."""
    return of_this_loop(_stopping, asyncio.Event, lambda event: partial(_set, event))


async def _set(event: asyncio.Event) -> None:
    event.set()


class Lifespan:
    """Answers the server's lifespan messages; every request passes by."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await self.application(scope, receive, send)
        stopping = _Stopping()
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await stopping.finished()
                await shut_down()
                return await send({"type": "lifespan.shutdown.complete"})
            ticker.start()
            stopping.watch()
            await send({"type": "lifespan.startup.complete"})


class _Stopping:
    """Begins to finish at the first signal, beside what the server does at it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._finishing: asyncio.Task[None] | None = None
        self._servers: dict[int, Any] = {}

    def watch(self) -> None:
        """Put a handler before the server's own one. A server that watches signals by the loop is woken as before: the loop reads them
        from a socket to which Python writes whatever the handler is."""
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                self._servers[number] = signal.signal(number, self._note)

    async def finished(self) -> None:
        """Wait for what began at the signal, and give the server its handlers back."""
        for number, handler in self._servers.items():
            signal.signal(number, handler)
        if self._finishing is not None:
            await self._finishing

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._begin)
        server = self._servers[number]
        if callable(server):
            server(number, frame)

    def _begin(self) -> None:
        if self._finishing is None:
            self._finishing = self._loop.create_task(_finish())


async def shut_down() -> None:
    """Let everything finish at once, then close the connections. One failure does not keep the others."""
    await _finish()
    ticker.stop()
    await close_async_client()
    await close_pool()


async def _finish() -> None:
    while _finishing:
        ends = [_one(_finishing.pop(0)) for _ in range(len(_finishing))]
        await asyncio.gather(*ends)


async def _one(finish: Finish) -> None:
    try:
        await finish()
    except Exception:
        logger.exception("Something could not be finished at the end of the process")
