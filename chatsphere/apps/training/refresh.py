"""When a source is read again by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from chatsphere.apps.training.models import TrainingSource

_EVERY = {
    TrainingSource.Refresh.DAILY.value: timedelta(days=1),
    TrainingSource.Refresh.WEEKLY.value: timedelta(days=7),
    TrainingSource.Refresh.MONTHLY.value: timedelta(days=30),
}


def refresh_after(refresh: str) -> timedelta | None:
    """How long knowledge of this refresh stays fresh; None for ``never``."""
    return _EVERY.get(refresh)


def next_refresh(refresh: str, since: datetime) -> datetime | None:
    """The next time after ``since``; None for ``never``."""
    every = _EVERY.get(refresh)
    return since + every if every else None
