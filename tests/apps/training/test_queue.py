"""Who is served next, and what the sweep finds."""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from chatsphere.apps.training import actions, pipeline, sweep, tasks, together, worker
from chatsphere.apps.training.hints import INGEST, RUN_TRAINING
from chatsphere.apps.training.models import KnowledgeStatistics, Run, TermChange, TrainingSource
from chatsphere.core import durable, engines, hints
from tests.apps.training.world import make_chatbot, make_source, trained, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hints that were sent."""
    names: list[str] = []

    def send(name: str, *_: str, queue: str = "default", countdown: float = 0) -> bool:
        assert queue == (INGEST if name == RUN_TRAINING else "default")
        names.append(name)
        return True

    monkeypatch.setattr(hints, "send_hint", send)
    monkeypatch.setattr(sweep, "send_hint", send)
    return names


def order_of_service() -> list[str]:
    """Names of sources in the order in which they are claimed."""
    names = []
    while (run := worker._claim()) is not None:
        names.append(run.source.name)
        Run.objects.filter(pk=run.pk).update(state="succeeded")
    return names


def test_two_workspaces_take_turns(chatbot: Any, charlie: Any) -> None:
    other = make_chatbot(charlie)
    for number in range(6):
        make_source(chatbot, name=f"a{number}")
    for number in range(2):
        make_source(other, name=f"c{number}")
    assert order_of_service() == ["a0", "c0", "a1", "c1", "a2", "a3", "a4", "a5"]


def test_one_document_overtakes_a_bulk_and_a_bulk_overtakes_the_clock(chatbot: Any) -> None:
    resync = trained(chatbot, name="resync")
    actions.sync_source(source=resync, is_forced=False, priority=actions.BY_THE_CLOCK)
    bulk = [actions.NewSource(source_type="text", name=f"bulk{n}", options={"content": "x"}) for n in range(2)]
    actions.add_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, new=bulk, created_by=None)
    make_source(chatbot, name="single")
    assert order_of_service() == ["single", "bulk0", "bulk1", "resync"]


def test_what_has_waited_for_five_minutes_waits_no_longer_behind_other_workspaces(chatbot: Any, charlie: Any) -> None:
    make_source(chatbot, name="old")
    Run.objects.update(priority=actions.BY_THE_CLOCK, available_at=timezone.now() - timedelta(minutes=6))
    Run.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    for number in range(3):
        make_source(make_chatbot(charlie, f"bot{number}"), name=f"new{number}")
    assert "old" in order_of_service()[:2]


def test_workers_at_once_claim_every_run_once(chatbot: Any) -> None:
    for number in range(30):
        make_source(chatbot, name=f"s{number}")
    claimed: list[Any] = []
    start = Event()

    def take_all() -> None:
        start.wait()
        try:
            while (run := worker._claim()) is not None:
                claimed.append(run.pk)
        finally:
            connection.close()

    threads = [Thread(target=take_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    start.set()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 30


def test_the_task_does_all_that_is_due_whatever_its_hint_says(chatbot: Any, sent: list[str]) -> None:
    for number in range(3):
        make_source(chatbot, name=f"s{number}")
    tasks.run_training("")
    assert set(TrainingSource.objects.values_list("status", flat=True)) == {"ready"}


def test_the_task_makes_room_after_its_time_and_hands_on(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch, sent: list[str]
) -> None:
    monkeypatch.setattr(together, "MOST", 1)
    monkeypatch.setattr(tasks, "DRAIN_SECONDS", -1.0)
    monkeypatch.setattr(tasks, "send_hint", hints.send_hint)
    for number in range(3):
        make_source(chatbot, name=f"s{number}")
    sent.clear()
    tasks.run_training("")
    assert sent == [RUN_TRAINING]
    assert Run.objects.filter(fence=1).count() == 1


def test_the_sweep_wakes_workers_for_runs_whose_hint_was_lost(chatbot: Any, sent: list[str]) -> None:
    make_source(chatbot)
    sent.clear()
    sweep.sweep()
    assert sent == [RUN_TRAINING]


def test_the_sweep_queues_crashed_runs_again_and_they_end_well(chatbot: Any, sent: list[str]) -> None:
    source = make_source(chatbot)
    assert worker._claim() is not None
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep.sweep()
    assert Run.objects.values_list("state", "crashes").get() == ("queued", 1)
    work()
    source.refresh_from_db()
    assert (source.status, source.attempt) == ("ready", 2)


def test_a_crashed_run_is_due_at_once_even_when_a_clock_was_set_back_since_it_was_queued(
    chatbot: Any, sent: list[str]
) -> None:
    make_source(chatbot)
    sent.clear()
    ahead, over = timezone.now() + timedelta(hours=2), timezone.now() - timedelta(seconds=1)
    Run.objects.update(state="running", available_at=ahead, lease_until=over)

    sweep.sweep()

    assert len(sent) == 1
    assert Run.objects.get().available_at <= timezone.now()


def test_a_run_that_kills_its_worker_time_and_again_fails_with_a_reason(chatbot: Any, sent: list[str]) -> None:
    source = make_source(chatbot)
    for _ in range(durable.MAX_CRASHES):
        assert worker._claim() is not None
        Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        sweep.sweep()
    source.refresh_from_db()
    assert (source.status, source.error_type) == ("failed", "crashed")
    assert Run.objects.get().state == "failed"


def test_a_run_that_still_lives_is_left_alone(chatbot: Any, sent: list[str]) -> None:
    make_source(chatbot)
    run = worker._claim()
    assert run is not None
    sweep.sweep()
    assert Run.objects.values_list("state", "fence").get() == ("running", run.fence)


def test_due_refreshes_are_queued_once_and_patiently(chatbot: Any, sent: list[str]) -> None:
    source = trained(chatbot, refresh="daily")
    assert source.next_refresh_at > timezone.now() + timedelta(hours=23)
    TrainingSource.objects.update(next_refresh_at=timezone.now() - timedelta(minutes=1))
    sweep.sweep()
    sweep.sweep()
    run = Run.objects.get(state="queued")
    assert (run.kind, run.priority, run.is_forced) == ("sync", actions.BY_THE_CLOCK, False)


def test_only_one_sweep_works_at_a_time(chatbot: Any, sent: list[str]) -> None:
    make_source(chatbot)
    sent.clear()
    with sweep._alone() as is_ours:
        assert is_ours
        other = Thread(target=lambda: (sweep.sweep(), connection.close()))
        other.start()
        other.join()
    assert sent == []


def test_the_sweep_counts_statistics_that_a_killed_worker_left(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch, sent: list[str]
) -> None:
    monkeypatch.setattr(worker.Statistics, "changed", lambda *_: None)
    trained(chatbot)
    assert TermChange.objects.exists()
    sweep.sweep()
    assert not TermChange.objects.exists()
    assert KnowledgeStatistics.objects.get(pk=chatbot.pk).chunks > 0


def _watch_embedding(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """How far each source can be searched, noted whenever passages are embedded."""
    kind = type(engines.embedder())
    embed = kind.embed_passages
    searchable: list[list[str]] = []

    def embed_passages(self: Any, texts: Any) -> Any:
        searchable.append(list(TrainingSource.objects.values_list("searchable", flat=True)))
        return embed(self, texts)

    monkeypatch.setattr(kind, "embed_passages", embed_passages)
    return searchable


def test_all_texts_are_found_before_any_vector_is_made(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "MOST", 1)
    sources = [make_source(chatbot, f"# Number {number}\n\nText about topic{number}.") for number in range(4)]
    searchable = _watch_embedding(monkeypatch)
    work()
    assert set(searchable[0]) == {"text"}
    assert set(TrainingSource.objects.values_list("status", "searchable")) == {("ready", "full")}
    assert len(sources) == len(searchable)


def test_vectors_give_way_to_texts_of_their_own_workspace_alone(
    chatbot: Any, charlie: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "MOST", 1)
    for number in range(4):
        make_source(chatbot, f"# Number {number}\n\nText about topic{number}.")
    make_source(make_chatbot(charlie), "# Hours\n\nWe open at nine.")
    searchable = _watch_embedding(monkeypatch)
    work()
    assert searchable[0].count("none") >= 2, "the small customer's vectors waited for the other's texts"
    assert set(TrainingSource.objects.values_list("status", "searchable")) == {("ready", "full")}


def test_a_new_text_overtakes_vectors_that_are_still_to_be_made(chatbot: Any) -> None:
    make_source(chatbot, name="old")
    _waits_with_its_vectors()
    make_source(chatbot, name="new")
    assert order_of_service() == ["new", "old"]


def test_vectors_that_wait_are_as_urgent_to_other_workspaces_as_their_document_was(chatbot: Any, charlie: Any) -> None:
    make_source(make_chatbot(charlie), name="theirs")
    _waits_with_its_vectors()
    bulk = [actions.NewSource(source_type="text", name=f"bulk{n}", options={"content": "x"}) for n in range(3)]
    actions.add_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, new=bulk, created_by=None)
    assert order_of_service() == ["theirs", "bulk0", "bulk1", "bulk2"]


def test_a_long_document_that_has_had_its_slice_is_behind_what_its_workspace_adds_alone(
    chatbot: Any, charlie: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(pipeline, "TEXTS_A_CALL", 2)
    make_source(chatbot, "\n\n".join(f"# Part {n}\n\n{'Some words of it. ' * 60}" for n in range(9)), name="long")
    for _ in range(2):
        run = worker._claim()
        assert run is not None
        worker.do(run)
    left = Run.objects.get()
    assert (left.state, left.priority) == ("queued", pipeline.LONG)
    assert 0 < left.progress_done < left.progress_total
    make_source(chatbot, name="before its vectors")
    Run.objects.exclude(pk=left.pk).update(priority=pipeline.PATIENCE, progress_total=1)
    make_source(chatbot, name="new")
    bulk = [actions.NewSource(source_type="text", name=f"bulk{n}", options={"content": "x"}) for n in range(2)]
    others = make_chatbot(charlie)
    actions.add_sources(workspace_id=others.workspace_id, chatbot_id=others.pk, new=bulk, created_by=None)
    assert not pipeline.texts_come_first(left)
    assert order_of_service() == ["new", "before its vectors", "long", "bulk0", "bulk1"]


def test_a_slow_document_is_behind_the_bulk_of_another_workspace(chatbot: Any, charlie: Any) -> None:
    make_source(make_chatbot(charlie), name="slow")
    Run.objects.update(priority=actions.SLOW)
    bulk = [actions.NewSource(source_type="text", name=f"bulk{n}", options={"content": "x"}) for n in range(3)]
    actions.add_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, new=bulk, created_by=None)
    assert order_of_service() == ["bulk0", "bulk1", "bulk2", "slow"]


def _waits_with_its_vectors() -> None:
    """What ``outcomes.made_room`` leaves of a run whose text is stored."""
    Run.objects.update(priority=F("priority") + pipeline.PATIENCE, progress_total=1, progress_done=0)


def test_another_workspaces_document_waits_for_one_turn_whatever_a_bulk_has_queued(chatbot: Any, charlie: Any) -> None:
    bulk = [actions.NewSource(source_type="text", name=f"bulk{n}", options={"content": f"# {n}"}) for n in range(400)]
    actions.add_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, new=bulk, created_by=None)
    assert len(worker._claim_several(together.MOST)) == together.MOST
    make_source(make_chatbot(charlie), name="theirs")
    begun = time.perf_counter()
    assert [run.source.name for run in worker._claim_several(together.MOST)] == ["theirs"]
    assert time.perf_counter() - begun < 1.0


def test_one_document_overtakes_the_bulk_of_its_own_workspace_and_does_not_join_it(chatbot: Any) -> None:
    bulk = [actions.NewSource(source_type="text", name=f"bulk{n}", options={"content": f"# {n}"}) for n in range(40)]
    actions.add_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, new=bulk, created_by=None)
    make_source(chatbot, name="single")
    assert [run.source.name for run in worker._claim_several(together.MOST)] == ["single"]
    assert len(worker._claim_several(together.MOST)) == together.MOST
