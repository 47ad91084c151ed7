"""What a large deletion leaves to a worker: nothing that a search finds, and nothing for long."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from chatsphere.apps.training import actions, knowledge, sweep, tasks, worker
from chatsphere.apps.training.models import ChunkText, DocumentVersion, Placement, TermChange, TrainingSource
from chatsphere.apps.training.reconcile import reconcile
from chatsphere.services.vector_store.base import ChatbotRef
from tests.apps.training.world import GUIDE, NOTHING, found, says, stored, trained

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "# Bicycles\n\nA bicycle may be lent for seven days and costs three euros."


@pytest.fixture(autouse=True, params=["large", "very large"])
def _every_deletion_is_large(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Of a very large one, the list of what stood there never leaves the database."""
    if request.param == "very large":
        monkeypatch.setattr(knowledge, "MANY_PLACES", 0)
    monkeypatch.setattr(knowledge, "FORGOTTEN_AT_ONCE", 0)
    monkeypatch.setattr(knowledge, "FORGOTTEN_A_TIME", 1)


def delete(*sources: TrainingSource) -> None:
    first = sources[0]
    actions.delete_sources(
        workspace_id=first.workspace_id, chatbot_id=first.chatbot_id, source_ids=[source.pk for source in sources]
    )


def of(chatbot: Any) -> ChatbotRef:
    return ChatbotRef(chatbot.workspace_id, chatbot.pk)


def test_what_was_deleted_is_found_no_more_before_a_worker_has_forgotten_it(chatbot: Any) -> None:
    source, _ = trained(chatbot), trained(chatbot, OTHER)
    delete(source)
    assert not says(chatbot, "lost card", "four euros")
    assert says(chatbot, "bicycle", "seven days")
    assert stored(chatbot)["texts"] > stored(chatbot)["places"]
    assert reconcile().is_clean


def test_a_worker_forgets_the_rest(chatbot: Any) -> None:
    delete(trained(chatbot))
    worker.refresh_statistics(of(chatbot))
    assert stored(chatbot) == NOTHING
    assert not TermChange.objects.exists()
    assert reconcile().is_clean


def test_a_worker_keeps_others_waiting_for_a_few_texts_only(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    delete(trained(chatbot))
    texts, at_once = stored(chatbot)["texts"], []
    forget = knowledge.forget_unplaced

    def noted(chatbot: ChatbotRef, chunk_ids: Collection[UUID]) -> None:
        assert connection.in_atomic_block
        at_once.append(len(chunk_ids))
        forget(chatbot, chunk_ids)

    monkeypatch.setattr(knowledge, "forget_unplaced", noted)
    worker.refresh_statistics(of(chatbot))
    assert at_once == [1] * texts + [0]
    assert stored(chatbot) == NOTHING


def test_the_second_hint_of_a_burst_finds_nothing_to_do(
    chatbot: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    delete(trained(chatbot))
    hint = str(chatbot.workspace_id), str(chatbot.pk)
    tasks.refresh_statistics(*hint)
    assert stored(chatbot) == NOTHING
    with django_assert_num_queries(1):
        tasks.refresh_statistics(*hint)


def test_the_sweep_finds_what_a_lost_hint_would_have_told(chatbot: Any) -> None:
    delete(trained(chatbot))
    sweep.sweep()
    assert stored(chatbot) == NOTHING


def test_a_text_that_comes_again_in_between_stays(chatbot: Any) -> None:
    delete(trained(chatbot))
    trained(chatbot)
    worker.refresh_statistics(of(chatbot))
    assert says(chatbot, "lost card", "four euros")
    counts = stored(chatbot)
    assert counts["texts"] == counts["places"] == counts["words"] == counts["vectors"]
    assert reconcile().is_clean


def test_a_text_that_another_source_has_stays(chatbot: Any) -> None:
    source, _ = trained(chatbot), trained(chatbot, GUIDE)
    delete(source)
    worker.refresh_statistics(of(chatbot))
    assert says(chatbot, "lost card", "four euros")
    assert found(chatbot, "lost card")
    assert reconcile().is_clean


def test_what_stands_in_a_hidden_version_of_another_is_hidden(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source, other = trained(chatbot), trained(chatbot, OTHER)
    version = other.documents.get().current_version
    hidden = DocumentVersion.objects.create(
        workspace_id=version.workspace_id,
        chatbot_id=version.chatbot_id,
        document=version.document,
        number=2,
        content_hash=b"2",
    )
    place = Placement.objects.filter(document_version__document__source=source).first()
    place.pk, place.document_version = uuid4(), hidden
    place.save(force_insert=True)
    delete(source)
    assert not ChunkText.objects.get(pk=place.chunk_id).is_live
    worker.refresh_statistics(of(chatbot))
    assert ChunkText.objects.filter(pk=place.chunk_id).exists()
    assert not reconcile().wrongly_shown


def test_a_large_run_that_is_cancelled_leaves_nothing(chatbot: Any) -> None:
    source = trained(chatbot)
    TrainingSource.objects.update(last_synced_at=None)
    run = actions.sync_source(source=source)
    actions.cancel_source(source=run.source)
    assert not says(chatbot, "lost card", "four euros")
    worker.refresh_statistics(of(chatbot))
    assert stored(chatbot) == NOTHING
    assert reconcile().is_clean


def test_forgetting_is_done_in_slices(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker has other work, too: what is left when its time is over is another hint's."""
    delete(trained(chatbot, "\n\n".join(f"# Part {part}\n\n{f'Topic{part} matters. ' * 60}" for part in range(9))))
    hints: list[tuple[str, ...]] = []
    monkeypatch.setattr(tasks, "send_hint", lambda *hint: hints.append(hint))
    monkeypatch.setattr(worker, "FORGETTING_SECONDS", -1.0)
    monkeypatch.setattr(knowledge, "LEFTOVERS_A_LOOK", 1)
    left = stored(chatbot)["texts"]
    turns = 0
    while stored(chatbot)["texts"]:
        tasks.refresh_statistics(str(chatbot.workspace_id), str(chatbot.pk))
        assert left - 2 <= stored(chatbot)["texts"] < left
        left, turns = stored(chatbot)["texts"], turns + 1
    assert turns > 2
    assert len(hints) >= turns - 1  # the last turn may find that nothing is left
    assert set(hints) == {(tasks.REFRESH_STATISTICS, str(chatbot.workspace_id), str(chatbot.pk))}
