"""Who hears that a quota runs low. Rooms above this one (webhooks) put their listeners here when the process starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from chatsphere.core.async_database import AsyncRows


@dataclass(frozen=True, slots=True)
class QuotaNotice:
    """80 or 100 percent of a limit are reached, for the first time in this period."""

    workspace_id: UUID
    metric: str
    level: int
    used: int
    limit: int
    period: date
    chatbot_id: UUID | None = None


Listener = Callable[[QuotaNotice], None]
AsyncListener = Callable[[AsyncRows, QuotaNotice], Awaitable[None]]

_listeners: dict[str, tuple[Listener, AsyncListener]] = {}


def listen(name: str, listener: Listener, async_listener: AsyncListener) -> None:
    """Be called inside the transaction that reaches the level. A name stands for one pair: the last one counts."""
    _listeners[name] = (listener, async_listener)


def tell(notice: QuotaNotice) -> None:
    """Call every listener, in the caller's transaction."""
    for listener, _async in _listeners.values():
        listener(notice)


async def tell_async(connection: AsyncRows, notice: QuotaNotice) -> None:
    """Call every listener, in the transaction of this connection."""
    for _sync, async_listener in _listeners.values():
        await async_listener(connection, notice)
