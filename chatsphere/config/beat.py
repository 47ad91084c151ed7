"""Celery's beat, whose entries do not stand still when the clock is set back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery.beat import Scheduler
from django.utils import timezone

from chatsphere.core.clock import Watch


class SteadyScheduler(Scheduler):
    """An entry is due when it last ran long enough ago. A clock that was set back moves that moment into the future; it is moved along."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._watch = Watch()
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Seconds until the next entry is due."""
        step = self._watch.step("wall", timezone.now())
        if step < timedelta():
            self._move(step)
        interval: float = super().tick(*args, **kwargs)
        return interval

    def _move(self, step: timedelta) -> None:
        for entry in self.schedule.values():
            if entry.last_run_at is not None:
                entry.last_run_at += step
        self._heap = None
