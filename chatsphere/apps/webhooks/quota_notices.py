"""A quota that runs low becomes an event, in the transaction that reached the level."""

from __future__ import annotations

from typing import Any

from chatsphere.apps.users.notices import QuotaNotice, listen
from chatsphere.apps.webhooks.actions import announce, announce_async
from chatsphere.core.async_database import AsyncRows


def connect() -> None:
    """Hear of quotas from now on."""
    listen("webhooks", lambda notice: announce(**_event(notice)), _announce_async)


async def _announce_async(connection: AsyncRows, notice: QuotaNotice) -> None:
    await announce_async(connection, **_event(notice))


def _event(notice: QuotaNotice) -> dict[str, Any]:
    return {
        "workspace_id": notice.workspace_id,
        "type": "quota.exceeded" if notice.level >= 100 else "quota.warning",
        "chatbot_id": notice.chatbot_id,
        "payload": {
            "metric": notice.metric,
            "percent": notice.level,
            "used": notice.used,
            "limit": notice.limit,
            "period": notice.period.isoformat(),
        },
    }
