"""The roll-up: hours of which something changed are summed again, whole; then their days.

Each portion is one transaction that removes the marks, sums the hours from the raw rows and writes them: it can be repeated, killed and
run anywhere. A change that commits meanwhile has a mark of its own, which the next portion finds. One roll-up at a time in a workspace.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from chatsphere.apps.analytics import histogram
from chatsphere.apps.analytics.collecting import collect, forget_erased
from chatsphere.apps.analytics.models import Change, DailyUsage, HourlyCitations, HourlyUsage, RollUpState
from chatsphere.apps.analytics.named_sql import execute, fetch_all
from chatsphere.apps.users.models import Workspace

MARKS_AT_ONCE = 50_000
HOURS_AT_ONCE = 96
HOURS_FOR_READER = 24  # whoever reads a report waits for so many and no more
NOBODY = UUID(int=0)
LOCK = "chatsphere.analytics.roll_up"
VISITOR = np.dtype(np.uint64)  # of any byte order, as long as it is always the same


def roll_up_all() -> int:
    """Sum everything that changed, workspace by workspace; returns how many marks were worked off."""
    total = 0
    for workspace_id in Change.objects.order_by().values_list("workspace_id", flat=True).distinct():
        while done := roll_up(workspace_id):
            total += done
    return total


def freshen(workspace_id: UUID) -> int:
    """For whoever reads a report: sum what changed just now, unless that is much or somebody is at it. Returns the generation."""
    if Change.objects.filter(workspace_id=workspace_id).exists() or _state(workspace_id) is None:
        roll_up(workspace_id, hours=HOURS_FOR_READER, is_patient=False)
    state = _state(workspace_id)
    return state.generation if state else 0


@transaction.atomic
def roll_up(workspace_id: UUID, *, hours: int = HOURS_AT_ONCE, is_patient: bool = True) -> int:
    """One portion; returns how many marks it worked off, 0 at the end (or, not patient, when another one is at it)."""
    if not _alone(workspace_id, is_patient=is_patient):
        return 0
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    if workspace is None:
        Change.objects.filter(workspace_id=workspace_id).delete()
        return 0
    _follow_time_zone(workspace)
    place = {"workspace_id": workspace_id, "time_zone": workspace.time_zone}
    marks = fetch_all("take_changes", {**place, "most": MARKS_AT_ONCE, "most_hours": hours})
    if marks:
        _sum_hours(place, [mark["hour"] for mark in marks])
        collect(workspace_id, [mark["message_ids"] for mark in marks])
        forget_erased(workspace_id)
        RollUpState.objects.filter(pk=workspace_id).update(generation=F("generation") + 1, rolled_at=timezone.now())
    return sum(mark["marks"] for mark in marks)


def _alone(workspace_id: UUID, *, is_patient: bool) -> bool:
    function = "pg_advisory_xact_lock" if is_patient else "pg_try_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtextextended(%s, 0))", [f"{LOCK}:{workspace_id}"])
        row = cursor.fetchone()
    return is_patient or bool(row and row[0])


def _state(workspace_id: UUID) -> RollUpState | None:
    state: RollUpState | None = RollUpState.objects.in_workspace(workspace_id).first()
    return state


def _follow_time_zone(workspace: Workspace) -> None:
    """Another time zone has other hours and days: forget all sums and mark everything."""
    state, is_new = RollUpState.objects.get_or_create(workspace=workspace, defaults={"time_zone": workspace.time_zone})
    if is_new or state.time_zone == workspace.time_zone:
        return
    for model in (HourlyUsage, DailyUsage, HourlyCitations):
        model.objects.in_workspace(workspace).delete()
    execute("mark_everything", {"workspace_id": workspace.pk, "time_zone": workspace.time_zone})
    RollUpState.objects.filter(pk=workspace.pk).update(
        time_zone=workspace.time_zone, generation=F("generation") + 1, rolled_at=timezone.now()
    )


def _sum_hours(place: dict[str, Any], hours: list[datetime]) -> None:
    for model in (HourlyUsage, HourlyCitations):
        model.objects.in_workspace(place["workspace_id"]).filter(at__in=hours).delete()
    values = {**place, "hours": hours, "nobody": NOBODY, "gamma": histogram.GAMMA}
    execute("roll_hours", values)
    execute("roll_citations", values)
    _sum_days(place, hours)


def _sum_days(place: dict[str, Any], hours: Collection[datetime]) -> None:
    zone = ZoneInfo(place["time_zone"])
    days = sorted({start_of_day(hour, zone) for hour in hours})
    DailyUsage.objects.in_workspace(place["workspace_id"]).filter(at__in=days).delete()
    # No day is longer than 25 hours.
    limits = {"since": days[0], "until": days[-1] + timedelta(hours=26), "days": days}
    rows = fetch_all("merge_days", {**place, **limits})
    DailyUsage.objects.bulk_create((_day(place["workspace_id"], row) for row in rows), batch_size=500)


def start_of_day(moment: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which the moment's day began there, in UTC: where clocks turn at midnight, that local time may not exist, and Python
    takes such times for equal to none."""
    local = moment.astimezone(zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def _day(workspace_id: UUID, row: dict[str, Any]) -> DailyUsage:
    compacted = {name: histogram.compact(bytes(row[name])) for name in ("latency", "first_token")}
    visitors = np.unique(np.frombuffer(bytes(row["visitors"]), VISITOR)).tobytes()
    return DailyUsage(**{**row, **compacted, "visitors": visitors, "workspace_id": workspace_id})
