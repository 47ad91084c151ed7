"""Quotas: units are claimed before money is spent and settled to what was really used. Exact under any concurrency.

One conditional statement a claim (``claim_quota`` in ``queries.sql``): whoever gets a row has the units, nobody else. A request that
never ends is released after an hour. Months and days are those of the workspace's time zone.

    amounts = chat_amounts(chatbot_id, tokens=2_000)
    await reserve_async(connection, workspace_id=…, request_key=str(message_id), amounts=amounts)   # or QuotaExceeded
    await settle_async(connection, workspace_id=…, request_key=str(message_id), actual={Metric.TOKENS: 1_234})
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection as django_connection
from django.db import transaction
from django.utils.translation import gettext as _

from chatsphere.apps.users import notices
from chatsphere.apps.users.named_sql import SQL, fetch_all
from chatsphere.apps.users.notices import QuotaNotice
from chatsphere.core.async_database import AsyncRows
from chatsphere.core.exceptions import QuotaExceeded
from chatsphere.core.identifiers import new_id
from chatsphere.core.together import Part

WARN_AT = (100, 80)
ABSURD = 10**9


class Metric(StrEnum):
    """What is counted. Messages and tokens start again each month, a chatbot's messages each day; storage and chatbots count what is there.

    Budgets count micro-units of money: of the workspace by day and by month, of a chatbot and of one of its visitors by day.
    """

    MESSAGES = "messages"
    TOKENS = "tokens"
    CHATBOT_MESSAGES = "chatbot_messages"
    STORAGE = "storage"
    CHATBOTS = "chatbots"
    BUDGET_DAY = "budget_day"
    BUDGET_MONTH = "budget_month"
    CHATBOT_BUDGET = "chatbot_budget"
    VISITOR_BUDGET = "visitor_budget"


MONEY = frozenset({Metric.BUDGET_DAY, Metric.BUDGET_MONTH, Metric.CHATBOT_BUDGET, Metric.VISITOR_BUDGET})


@dataclass(frozen=True, slots=True)
class Amount:
    """Units of one metric; ``chatbot_id`` for what a chatbot and its visitors have of their own, ``visitor`` only for VISITOR_BUDGET."""

    metric: Metric
    units: int
    chatbot_id: UUID | None = None
    visitor: str = ""

    @property
    def counter(self) -> str:
        """The name of the counter: a chatbot has its own, and so has a visitor, without being named there."""
        if self.chatbot_id is None:
            return self.metric.value
        if self.metric is Metric.VISITOR_BUDGET:
            text = f"{self.chatbot_id.hex}:{self.visitor}"
            return f"spent:v:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
        return f"{'spent:c' if self.metric is Metric.CHATBOT_BUDGET else 'chatbot'}:{self.chatbot_id.hex}"


def chat_amounts(chatbot_id: UUID, *, tokens: int = 0) -> tuple[Amount, ...]:
    """What one answer needs: a message of the month, one of the chatbot's day, and tokens when a model counts them."""
    needs = [Amount(Metric.MESSAGES, 1), Amount(Metric.CHATBOT_MESSAGES, 1, chatbot_id)]
    return (*needs, Amount(Metric.TOKENS, tokens)) if tokens > 0 else tuple(needs)


def budget_amounts(chatbot_id: UUID, *, cost_micros: int, visitor: str = "") -> tuple[Amount, ...]:
    """What an answer of this cost needs of every budget; nothing when it costs nothing. ``visitor`` names who asks, where that is known."""
    if cost_micros <= 0:
        return ()
    needs = [
        Amount(Metric.BUDGET_DAY, cost_micros),
        Amount(Metric.BUDGET_MONTH, cost_micros),
        Amount(Metric.CHATBOT_BUDGET, cost_micros, chatbot_id),
    ]
    return (*needs, Amount(Metric.VISITOR_BUDGET, cost_micros, chatbot_id, visitor)) if visitor else tuple(needs)


# --- sync: joins the caller's transaction ------------------------------------------------------------------------------


@transaction.atomic
def take(*, workspace_id: UUID, amounts: Sequence[Amount]) -> None:
    """Use units at once (a chatbot made, bytes stored). Raises QuotaExceeded, then none is taken."""
    rows = fetch_all("claim_quota", _claim(workspace_id, "", amounts, is_held=False))
    _refuse_missing(rows)
    _tell(workspace_id, rows)


@transaction.atomic
def reserve(*, workspace_id: UUID, request_key: str, amounts: Sequence[Amount]) -> None:
    """Hold units for a request. Raises QuotaExceeded (then none is held), IntegrityError for a key that holds some already."""
    rows = fetch_all("claim_quota", _claim(workspace_id, request_key, amounts, is_held=True))
    _refuse_missing(rows)
    _tell(workspace_id, rows)


def settle(
    *, workspace_id: UUID, request_key: str, actual: Mapping[Metric, int] | None = None, cost_micros: int | None = None
) -> None:
    """End a reservation: metrics in ``actual`` count as given, budgets as ``cost_micros``, the others as they were held.

    A second call changes nothing.
    """
    fetch_all("settle_quota", _settlement(workspace_id, request_key, actual, cost_micros, is_released=False))


def release(*, workspace_id: UUID, request_key: str) -> None:
    """End a reservation of which nothing was used. A second call changes nothing."""
    fetch_all("settle_quota", _settlement(workspace_id, request_key, None, None, is_released=True))


def give_back(*, workspace_id: UUID, metric: Metric, units: int) -> None:
    """Free units that ``take`` used: a chatbot or its files are gone."""
    with django_connection.cursor() as cursor:
        cursor.execute(
            SQL["give_back_quota"], {"workspace_id": workspace_id, "metric": metric.value, "units": max(0, units)}
        )


def require_room(*, workspace_id: UUID, metric: Metric) -> None:
    """After rows were written that the database counts itself (``storage``), in their transaction: raises QuotaExceeded when they are too many.

    The counter is locked by then, so of two that write at once the second sees what the first has written.
    """
    rows = fetch_all("counted_now", {"workspace_id": workspace_id, "metric": metric.value})
    for row in rows:
        if row["most"] is not None and row["total"] > row["most"]:
            raise QuotaExceeded(_explanation(metric, row["most"]))
    _tell(workspace_id, rows)


def release_expired() -> int:
    """Free what requests held that never came to an end; how many counters changed. Safe to run anywhere, any time."""
    return len(fetch_all("release_expired_quota", {}))


def count_live(metric: Metric, count: Callable[[UUID], int]) -> None:
    """A higher room says how much of a metric a workspace has now, where its own rows know better than a counter."""
    _live[metric] = count


_live: dict[Metric, Callable[[UUID], int]] = {}


def current_use(workspace_id: UUID) -> list[dict[str, Any]]:
    """Metric, period (None for what is counted as it is now), used, reserved and limit (None is unlimited) of a workspace.

    One query, and one for each metric that a room counts itself.
    """
    rows = fetch_all("current_quota", {"workspace_id": workspace_id})
    for row in rows:
        count = _live.get(Metric(row["metric"]))
        if count is not None:
            row["used"] = count(workspace_id)
    return rows


# --- async: on the caller's connection, in its transaction --------------------------------------------------------------


async def reserve_async(
    connection: AsyncRows, *, workspace_id: UUID, request_key: str, amounts: Sequence[Amount]
) -> None:
    """Like ``reserve``, in one round trip. On QuotaExceeded the caller's transaction must roll back."""
    parameters = _claim(workspace_id, request_key, amounts, is_held=True)
    rows = await (await connection.execute(SQL["claim_quota"], parameters)).fetchall()
    _refuse_missing(rows)
    for row, level in _crossings(rows):
        noted = await connection.execute(SQL["note_warning"], {"counter_id": row["counter_id"], "level": level})
        if await noted.fetchone():
            await notices.tell_async(connection, _notice(workspace_id, row, level))


async def settle_async(
    connection: AsyncRows,
    *,
    workspace_id: UUID,
    request_key: str,
    actual: Mapping[Metric, int] | None = None,
    cost_micros: int | None = None,
) -> None:
    """Like ``settle``."""
    parameters = _settlement(workspace_id, request_key, actual, cost_micros, is_released=False)
    await connection.execute(SQL["settle_quota"], parameters)


async def release_async(connection: AsyncRows, *, workspace_id: UUID, request_key: str) -> None:
    """Like ``release``."""
    parameters = _settlement(workspace_id, request_key, None, None, is_released=True)
    await connection.execute(SQL["settle_quota"], parameters)


def settlement_part(
    *, workspace_id: UUID, request_key: str, actual: Mapping[Metric, int] | None, cost_micros: int | None
) -> Part:
    """Like ``settle``, to be executed together with others."""
    return Part(SQL["settle_quota"], _settlement(workspace_id, request_key, actual, cost_micros, is_released=False))


def release_part(*, workspace_id: UUID, request_key: str) -> Part:
    """Like ``release``, to be executed together with others."""
    return Part(SQL["settle_quota"], _settlement(workspace_id, request_key, None, None, is_released=True))


# --- shared -----------------------------------------------------------------------------------------------------------


def _claim(workspace_id: UUID, request_key: str, amounts: Sequence[Amount], *, is_held: bool) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "request_key": request_key,
        "is_held": is_held,
        "ids": [new_id() for _amount in amounts],
        "held_ids": [new_id() for _amount in amounts],
        "kinds": [amount.metric.value for amount in amounts],
        "metrics": [amount.counter for amount in amounts],
        "units": [amount.units for amount in amounts],
        "chatbots": [amount.chatbot_id for amount in amounts],
    }


def _settlement(
    workspace_id: UUID,
    request_key: str,
    actual: Mapping[Metric, int] | None,
    cost_micros: int | None,
    *,
    is_released: bool,
) -> dict[str, Any]:
    # What a provider reports is not always a number that can be: then what was held counts.
    sane = {metric: units for metric, units in (actual or {}).items() if 0 <= units <= ABSURD}
    return {
        "workspace_id": workspace_id,
        "request_key": request_key,
        "is_released": is_released,
        "metrics": [metric.value for metric in sane],
        "units": list(sane.values()),
        "cost": cost_micros if cost_micros is not None and 0 <= cost_micros <= ABSURD * ABSURD else None,
    }


def _refuse_missing(rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        if row["counter_id"] is None:
            metric = Metric(row["kind"])
            raise QuotaExceeded(
                _explanation(metric, row["most"]), type="budget_exceeded" if metric in MONEY else "quota_exceeded"
            )


def _explanation(metric: Metric, most: int) -> str:
    texts = {
        Metric.MESSAGES: _("The %(most)s messages of this month are used up. Raise the plan or wait for next month."),
        Metric.TOKENS: _("The %(most)s tokens of this month are used up. Raise the plan or wait for next month."),
        Metric.CHATBOT_MESSAGES: _(
            "This chatbot has answered its %(most)s messages of today. Raise the plan or wait until tomorrow."
        ),
        Metric.STORAGE: _(
            "The %(most)s bytes of storage are full. Delete sources that you no longer need, or raise the plan."
        ),
        Metric.CHATBOTS: _("The plan allows %(most)s chatbots. Delete one that you no longer need, or raise the plan."),
        Metric.BUDGET_DAY: _(
            "This workspace's budget of today has no room for another answer. Its owner can raise it; else wait until tomorrow."
        ),
        Metric.BUDGET_MONTH: _(
            "This workspace's budget of this month has no room for another answer. Its owner can raise it; else wait for next month."
        ),
        Metric.CHATBOT_BUDGET: _(
            "This chatbot's budget of today has no room for another answer. The workspace's owner can raise it; else wait until tomorrow."
        ),
        Metric.VISITOR_BUDGET: _(
            "You have used what this chatbot may spend on one visitor a day. Come back tomorrow; the workspace's owner can raise it."
        ),
    }
    return texts[metric] % {"most": most}


def _tell(workspace_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
    for row, level in _crossings(rows):
        if fetch_all("note_warning", {"counter_id": row["counter_id"], "level": level}):
            notices.tell(_notice(workspace_id, row, level))


def _crossings(rows: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], int]]:
    """Counters that this claim lifted to 80 or 100 percent for the first time in their period."""
    found = []
    for row in rows:
        # A budget is seldom spent to the last unit: it is full when what was claimed just now would not fit once more.
        total = row["total"] + (row["units"] if row["kind"] in MONEY else 0)
        reached = 100 if row["most"] and row["kind"] in MONEY and total > row["most"] else 0
        reached = reached or next(
            (level for level in WARN_AT if row["most"] and row["total"] * 100 >= row["most"] * level), 0
        )
        if reached > row["warned"]:
            found.append((row, reached))
    return found


def _notice(workspace_id: UUID, row: Mapping[str, Any], level: int) -> QuotaNotice:
    return QuotaNotice(
        workspace_id=workspace_id,
        metric=row["kind"],
        level=level,
        used=row["total"],
        limit=row["most"],
        period=row["period"],
        chatbot_id=row["chatbot_id"],
    )
