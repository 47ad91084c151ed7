"""Periods of reports: from when to when, in which steps, and what came before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from chatsphere.apps.analytics.rolling import start_of_day
from chatsphere.core.exceptions import Invalid

DEFAULT_DAYS = 30
MOST_DAYS = 3660
MOST_HOURLY = timedelta(days=32)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Period:
    """``[since, until)`` in whole hours of ``zone``."""

    since: datetime
    until: datetime
    zone: ZoneInfo

    @property
    def days(self) -> tuple[datetime, datetime]:
        """From the first day that lies in it whole to behind the last one; equal when there is none."""
        first = start_of_day(self.since, self.zone)
        if first < self.since:
            first = next_day(first, self.zone)
        last = start_of_day(self.until, self.zone)
        return (first, last) if first < last else (self.since, self.since)

    def before(self) -> Period:
        """The period of the same length that ends where this one begins."""
        return Period(self.since - (self.until - self.since), self.since, self.zone)


def next_day(start: datetime, zone: ZoneInfo) -> datetime:
    """The beginning of the day that follows a day's beginning; days with a change of the clock have 23 or 25 hours."""
    return start_of_day(start + timedelta(hours=36), zone)


def read_period(
    since: datetime | None, until: datetime | None, *, interval: str, zone: ZoneInfo, now: datetime
) -> Period:
    """What was asked for, widened to whole hours; by default the last 30 days. Raises Invalid for one that is empty or too long."""
    end = _hour_from(until or now, zone)
    start = hour_of(since, zone) if since else start_of_day(end - timedelta(days=DEFAULT_DAYS - 1, hours=1), zone)
    if start >= end:
        raise Invalid(fields={"since": [_("This must lie before `until`.")]})
    if end - start > timedelta(days=MOST_DAYS):
        raise Invalid(fields={"since": [_("A period is ten years at most.")]})
    if interval == "hour" and end - start > MOST_HOURLY:
        raise Invalid(fields={"interval": [_("Hours are shown for at most 32 days; choose days or a shorter period.")]})
    return Period(start, end, zone)


def hour_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which the moment's local hour began, counted with the moment's own offset; as PostgreSQL's ``date_trunc`` does."""
    offset = moment.astimezone(zone).utcoffset() or timedelta()
    local = moment.astimezone(UTC) + offset
    return moment.astimezone(UTC) - (local - local.replace(minute=0, second=0, microsecond=0))


def _hour_from(moment: datetime, zone: ZoneInfo) -> datetime:
    begun = hour_of(moment, zone)
    return begun if begun == moment else begun + HOUR
