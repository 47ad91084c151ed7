"""Durable work: a row is done by one worker at a time, and never lost."""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from chatsphere.apps.training.models import Run
from chatsphere.core import durable
from chatsphere.core.durable import DurableState, LostLease
from tests.apps.training.world import make_chatbot, make_source

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def row(alice: Any) -> Run:
    source = make_source(make_chatbot(alice))
    made: Run = source.runs.get()
    return made


def expire(row: Run) -> None:
    Run.objects.filter(pk=row.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def claimed(row: Run) -> Run:
    result = durable.claim(Run, row.pk)
    assert result is not None
    return result


def test_a_queued_row_is_claimed_once(row: Run) -> None:
    mine = claimed(row)
    assert (mine.state, mine.attempt, mine.fence) == (DurableState.RUNNING, 1, 1)
    assert durable.claim(Run, row.pk) is None


def test_a_row_that_is_not_due_yet_is_not_claimed(row: Run) -> None:
    Run.objects.filter(pk=row.pk).update(available_at=timezone.now() + timedelta(minutes=1))
    assert durable.claim(Run, row.pk) is None


def test_ten_workers_at_once_claim_a_row_once(row: Run) -> None:
    won: list[Run] = []

    def try_it() -> None:
        try:
            mine = durable.claim(Run, row.pk)
            if mine is not None:
                won.append(mine)
        finally:
            connection.close()

    threads = [Thread(target=try_it) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_lease_that_ran_out_is_taken_over_and_counts_as_a_crash(row: Run) -> None:
    first = claimed(row)
    expire(row)
    second = claimed(row)
    assert (second.crashes, second.fence) == (1, 2)
    with pytest.raises(LostLease):
        durable.heartbeat(first)
    with pytest.raises(LostLease), transaction.atomic():
        durable.hold(first)
    with pytest.raises(LostLease):
        durable.succeed(first)
    durable.heartbeat(second)


def test_a_row_whose_worker_dies_ten_times_fails(row: Run) -> None:
    for _ in range(durable.MAX_CRASHES):
        claimed(row)
        expire(row)
    assert durable.claim(Run, row.pk) is None
    row.refresh_from_db()
    assert (row.state, row.error_type) == (DurableState.FAILED, "crashed")


def test_progress_forgets_errors_and_crashes(row: Run) -> None:
    claimed(row)
    expire(row)
    mine = claimed(row)
    durable.heartbeat(mine, progress=True)
    row.refresh_from_db()
    assert (row.errors, row.crashes) == (0, 0)


def test_three_errors_fail_a_row_and_each_wait_is_longer(row: Run) -> None:
    waits = []
    for attempt in range(durable.MAX_ERRORS):
        Run.objects.filter(pk=row.pk).update(available_at=timezone.now())
        mine = claimed(row)
        is_kept = durable.retry_later(mine, error_type="busy", message="Try again.")
        row.refresh_from_db()
        assert is_kept is (attempt < durable.MAX_ERRORS - 1)
        waits.append((row.available_at - timezone.now()).total_seconds())
    assert (row.state, row.error_message) == (DurableState.FAILED, "Try again.")
    assert 1 < waits[0] < 3 < 6 < waits[1] < 10


def test_an_error_that_names_its_wait_gets_it(row: Run) -> None:
    mine = claimed(row)
    durable.retry_later(mine, error_type="busy", message="", after=120)
    row.refresh_from_db()
    assert 118 < (row.available_at - timezone.now()).total_seconds() < 121


def test_a_row_given_back_is_due_at_once_without_a_mark(row: Run) -> None:
    durable.release(claimed(row))
    row.refresh_from_db()
    assert (row.state, row.errors, row.crashes, row.lease_until) == (DurableState.QUEUED, 0, 0, None)
    again = claimed(row)
    assert (again.attempt, again.fence) == (1, 2)


def test_cancelling_stops_the_worker_at_its_next_write(row: Run) -> None:
    mine = claimed(row)
    row.refresh_from_db()
    durable.cancel(row)
    with pytest.raises(LostLease), transaction.atomic():
        durable.hold(mine)
    with pytest.raises(LostLease):
        durable.cancel(row)


def test_the_heartbeat_keeps_a_slow_row_alive(row: Run) -> None:
    mine = claimed(row)
    with durable.kept_alive(mine, every=0.05) as lost:
        expire(row)
        time.sleep(0.3)
        row.refresh_from_db()
        assert row.lease_until is not None
        assert row.lease_until > timezone.now() + timedelta(seconds=20)
        assert not lost.is_set()


def test_the_heartbeat_tells_when_the_row_was_taken_over(row: Run) -> None:
    mine = claimed(row)
    with durable.kept_alive(mine, every=0.05) as lost:
        Run.objects.filter(pk=row.pk).update(fence=99)
        assert lost.wait(5)


def test_an_outage_is_waited_out_without_a_mark(row: Run) -> None:
    for _time in range(durable.MAX_ERRORS + 1):
        Run.objects.filter(pk=row.pk).update(available_at=timezone.now())
        durable.wait_out(claimed(row), error_type="storage_full", message="There is no room.")

    row.refresh_from_db()
    assert (row.state, row.errors, row.crashes, row.error_type) == (DurableState.QUEUED, 0, 0, "storage_full")
    assert row.available_at > timezone.now() + timedelta(seconds=durable.OUTAGE_SECONDS - 5)
    with pytest.raises(LostLease):
        durable.wait_out(row, error_type="x", message="x")


def test_a_clock_that_was_set_back_lengthens_no_waiting_and_no_lease(row: Run) -> None:
    back = timedelta(hours=-2)
    Run.objects.filter(pk=row.pk).update(available_at=timezone.now() + timedelta(hours=2, seconds=30))
    assert durable.clock_went_back(Run, back) == 1
    row.refresh_from_db()
    assert timedelta(seconds=20) < row.available_at - timezone.now() <= timedelta(seconds=30)

    ahead = timezone.now() + timedelta(hours=2)
    Run.objects.filter(pk=row.pk).update(
        state="running", lease_until=ahead + timedelta(seconds=15), available_at=ahead - timedelta(seconds=15)
    )
    assert durable.clock_went_back(Run, back) == 2
    row.refresh_from_db()
    assert row.lease_until is not None
    assert row.lease_until < timezone.now() + durable.LEASE
    assert row.available_at < timezone.now(), "when its worker is lost it must be due"

    Run.objects.filter(pk=row.pk).update(lease_until=timezone.now() + durable.LEASE)
    assert durable.clock_went_back(Run, back) == 0, "a lease that a living worker has renewed must stand"
