"""Closing the answers whose process died.

A run writes its lease every second, twenty seconds ahead. A pending answer whose lease ran out has no run any more: it ends as ``failed``
with the text it had, its reserved quota becomes used, what it said is metered. Several sweeps at once do no harm: each row is
taken by one of them.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from chatsphere.apps.conversations import metering
from chatsphere.apps.conversations.sayings import interrupted_message
from chatsphere.services.sql import statements

MOST_AT_ONCE = 200


def close_abandoned() -> int:
    """End what was abandoned, in portions of one transaction each; returns how many answers were closed."""
    closed = 0
    while portion := _close_portion():
        closed += portion
    return closed


@transaction.atomic
def _close_portion() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            statements("chatsphere.apps.conversations")["close_abandoned"],
            {"message": interrupted_message(), "most": MOST_AT_ONCE},
        )
        rows = _dicts(cursor)
    for row in rows:
        metering.settle_abandoned(row)
    return len(rows)


def _dicts(cursor: CursorWrapper) -> list[dict[str, Any]]:
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
