"""The page of periodic work and the schedule say the same."""

from __future__ import annotations

import re
from pathlib import Path

from celery.schedules import crontab
from django.conf import settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations" / "periodic.md"
UNITS = {"s": 1, "min": 60, "h": 3600}


def seconds_or_time(words: str) -> float | str:
    amount, unit = words.split()
    return amount if unit == "UTC" else float(amount) * UNITS[unit]


def scheduled(schedule: crontab | float) -> float | str:
    if not isinstance(schedule, crontab):
        return schedule
    (hour,), (minute,) = schedule.hour, schedule.minute
    return f"{hour:02}:{minute:02}"


def test_every_periodic_task_stands_on_the_page_with_its_time() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]+?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {name: seconds_or_time(when) for name, when in rows}
    assert told == {name: scheduled(entry["schedule"]) for name, entry in settings.CELERY_BEAT_SCHEDULE.items()}
