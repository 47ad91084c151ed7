"""The beginning and the end of a web process, as ASGI servers tell it. What has something to finish says so with ``at_shutdown``."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from chatsphere.core.async_database import close_pool
from chatsphere.core.redis_clients import close_async_client

logger = logging.getLogger("chatsphere.lifespan")
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
Finish = Callable[[], Awaitable[None]]

_finishing: list[Finish] = []


def at_shutdown(finish: Finish) -> None:
    """Have ``finish`` awaited when the server has stopped to take requests. A thing says so once; it must end in a few seconds."""
    _finishing.append(finish)


class Lifespan:
    """Answers the server's lifespan messages; every request passes by."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await self.application(scope, receive, send)
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await shut_down()
                return await send({"type": "lifespan.shutdown.complete"})
            await send({"type": "lifespan.startup.complete"})


async def shut_down() -> None:
    """Let everything finish, in the order in which it was announced, then close the connections. One failure does not keep the others."""
    while _finishing:
        finish = _finishing.pop(0)
        try:
            await finish()
        except Exception:
            logger.exception("Something could not be finished at the end of the process")
    await close_async_client()
    await close_pool()
