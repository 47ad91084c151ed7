"""What a large deletion leaves to a worker: nothing that a search finds, and nothing for long."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from chatsphere.apps.training import actions, knowledge, sweep, tasks, worker
from chatsphere.apps.training.models import TermChange, TrainingSource
from chatsphere.apps.training.reconcile import reconcile
from chatsphere.services.vector_store.base import ChatbotRef
from tests.apps.training.world import GUIDE, NOTHING, found, says, stored, trained

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "# Bicycles\n\nA bicycle may be lent for seven days and costs three euros."


@pytest.fixture(autouse=True)
def _every_deletion_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
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
