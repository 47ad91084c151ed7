"""Many workers, one chatbot: nothing twice, nothing missing, nothing half seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection

from chatsphere.apps.training import actions, pipeline, worker
from chatsphere.apps.training.models import ChunkText, Run, TrainingSource
from chatsphere.apps.training.reconcile import reconcile
from tests.apps.training.world import NOTHING, found, make_source, stored, trained, work

pytestmark = pytest.mark.django_db(transaction=True)

COMMON = [{"question": f"What is rule {n}?", "answer": f"Rule {n} says common{n}."} for n in range(12)]


def pairs(*own: str) -> dict[str, Any]:
    """Questions and answers, of which each is one chunk: twelve that all sources share, and the source's own."""
    more = [{"question": f"What is {each}?", "answer": f"{each} is unique."} for each in own]
    return {"source_type": "qa", "name": "Same name", "options": {"pairs": COMMON + more}}


def in_threads(*works: Callable[[], None]) -> None:
    """All at once; the first error of any is raised."""
    errors: list[BaseException] = []

    def run(each: Callable[[], None]) -> None:
        try:
            each()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(each,)) for each in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_workers_that_add_the_same_chunks_at_once_store_each_once(chatbot: Any) -> None:
    for number in range(12):
        make_source(chatbot, **pairs(f"own{number}"))
    in_threads(*[work] * 4)
    assert set(TrainingSource.objects.values_list("status", flat=True)) == {"ready"}
    assert set(Run.objects.values_list("attempt", flat=True)) == {1}
    rows = stored(chatbot)
    assert rows["texts"] == rows["words"] == rows["vectors"] == 24
    assert rows["places"] == 12 * 13
    assert reconcile().is_clean


def test_deleting_sources_while_others_add_the_same_chunks_loses_nothing(chatbot: Any) -> None:
    for _round in range(3):
        doomed = [trained(chatbot, **pairs()) for _ in range(3)]
        kept = [make_source(chatbot, **pairs()) for _ in range(3)]

        def delete(ids: tuple[Any, ...] = tuple(source.pk for source in doomed)) -> None:
            for each in ids:
                actions.delete_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=[each])

        in_threads(work, work, delete)
        for source in kept:
            source.refresh_from_db()
            assert (source.status, source.chunks_count) == ("ready", 12)
        assert stored(chatbot)["texts"] == stored(chatbot)["words"] == stored(chatbot)["vectors"] == 12
        assert stored(chatbot)["places"] == 36
        assert reconcile().is_clean
        ids = [source.pk for source in kept]
        actions.delete_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=ids)
        assert stored(chatbot) == NOTHING


def test_searches_during_an_update_see_the_old_or_the_new_version_never_both_never_neither(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "CHUNKS_A_TRANSACTION", 2)
    monkeypatch.setattr(pipeline, "TEXTS_A_CALL", 2)
    source = trained(chatbot, "\n\n".join(f"## Part {n}\n\n{' '.join(['vintage'] * 100)} n{n}." for n in range(6)))
    newer = "\n\n".join(f"## Part {n}\n\n{' '.join(['modern'] * 100)} n{n}." for n in range(6))
    seen: set[frozenset[str]] = set()
    done = Event()

    def look() -> None:
        while not done.is_set():
            seen.add(frozenset(hit.text.split("\n")[-1].split()[0] for hit in found(chatbot, "vintage modern n1")))

    def update() -> None:
        try:
            time.sleep(0.2)
            actions.update_source(source=source, changes={"content": newer})
            work()
            time.sleep(0.2)
        finally:
            done.set()

    in_threads(look, update)
    assert seen == {frozenset({"vintage"}), frozenset({"modern"})}


def test_a_worker_whose_lease_was_taken_over_writes_nothing_more(chatbot: Any) -> None:
    make_source(chatbot)
    late = worker._claim()
    assert late is not None
    Run.objects.update(state="queued")
    work()
    before = stored(chatbot), list(ChunkText.objects.order_by("pk").values_list("pk", flat=True))
    worker.do(late)
    assert (stored(chatbot), list(ChunkText.objects.order_by("pk").values_list("pk", flat=True))) == before
    assert Run.objects.get().state == "succeeded"
