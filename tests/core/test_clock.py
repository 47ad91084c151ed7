"""A clock that is set back is noticed, and what waits is moved along."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from django.core.cache import cache
from django.utils import timezone

from chatsphere.apps.training.models import Run
from chatsphere.config.beat import SteadyScheduler
from chatsphere.core import clock
from tests.apps.training.world import make_chatbot, make_source

HOURS = timedelta(hours=2)


def test_a_step_is_told_once_and_drift_is_none() -> None:
    watch, now = clock.Watch(), timezone.now()

    assert watch.step("a", now) == timedelta()
    assert watch.step("a", now + timedelta(seconds=1)) == timedelta()
    assert round(watch.step("a", now - HOURS).total_seconds()) == -7201
    assert watch.step("a", now - HOURS) == timedelta()
    assert watch.step("b", now) == timedelta()


@pytest.mark.django_db(transaction=True)
def test_work_that_waits_is_due_as_soon_as_before(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_source(make_chatbot(alice)).runs.get()
    cache.delete(clock._NOTICED)
    monkeypatch.setattr(clock, "_watch", clock.Watch())
    assert clock.mend_after_step() == timedelta()
    Run.objects.filter(pk=run.pk).update(available_at=timezone.now() + HOURS)
    for name in ("machine", "database"):
        clock._watch._before[name] += HOURS.total_seconds()

    assert clock.mend_after_step() < timedelta(hours=-1)

    run.refresh_from_db()
    assert run.available_at <= timezone.now() + timedelta(seconds=1)
    assert clock.mend_after_step() == timedelta()


def test_the_schedule_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Celery("x", broker="memory://")
    app.conf.beat_schedule = {"one": {"task": "one", "schedule": 5.0}}
    scheduler = SteadyScheduler(app=app)
    sent: list[str] = []
    monkeypatch.setattr(scheduler, "apply_async", lambda entry, **_: sent.append(entry.task))
    scheduler.tick()
    entry = scheduler.schedule["one"]
    entry.last_run_at += HOURS  # as after a run two hours ahead, by a clock that has been set back since
    scheduler._watch._before["wall"] += HOURS.total_seconds()

    assert scheduler.tick() <= 5.0
