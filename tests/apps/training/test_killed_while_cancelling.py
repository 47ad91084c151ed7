"""A run that is cancelled, and a source that is deleted, with a process killed in the middle of it: all of it has happened, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from chatsphere.apps.training import actions, files
from chatsphere.apps.training.models import Document, Run, TrainingSource
from chatsphere.apps.users.models import AuditEvent
from chatsphere.apps.webhooks.models import Event
from tests.apps.training.deadly import (
    BOTH,
    CHUNK,
    EMBED,
    HOLD,
    READ,
    STORE,
    SWITCH,
    TRAINING,
    VECTORS,
    assert_no_row_too_many,
    assert_whole,
    done_again,
    found_by_the_sweep,
    killed_at,
)
from tests.apps.training.test_killed_at_each_step import archive, text
from tests.apps.training.world import NOTHING, make_source, says, stored, trained

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

STEPS = (READ, CHUNK, HOLD, STORE, EMBED, VECTORS)
CANCELLED = f"{TRAINING}.outcomes:cancelled"
BOOK = f"{TRAINING}.outcomes:_book"
DROP = f"{TRAINING}.knowledge:drop_versions"
CHANGED = f"{TRAINING}.knowledge:changed"
HINT = "chatsphere.core.hints:send_hint"
CANCEL = 'actions.cancel_source(source=TrainingSource.objects.get(pk=UUID("{}")))'

LOCK = f"{TRAINING}.knowledge:lock"
ROWS = f"{TRAINING}.knowledge:drop_sources"
TOLD = f"{TRAINING}.actions:_announce_deleted"
FILES = f"{TRAINING}.actions:remove_files"
FORGET = f"{TRAINING}.knowledge:forget_unplaced"
LEFTOVERS = f"{TRAINING}.knowledge:forget_leftovers"
COUNTED = "chatsphere.services.vector_store.pgvector:PgVectorStore.refresh_statistics"
DELETE = """
from chatsphere.services.vector_store.base import ChatbotRef
source = TrainingSource.objects.get(pk=UUID("{}"))
actions.delete_sources(workspace_id=source.workspace_id, chatbot_id=source.chatbot_id, source_ids=[source.pk])
worker.refresh_statistics(ChatbotRef(source.workspace_id, source.chatbot_id))
"""
MANY = {f"{TRAINING}.knowledge:FORGOTTEN_AT_ONCE": 0, f"{TRAINING}.knowledge:FORGOTTEN_A_TIME": 1}


def first(chatbot: Any) -> TrainingSource:
    return make_source(chatbot, text(1))


def members(chatbot: Any) -> TrainingSource:
    return make_source(
        chatbot, name="all.zip", source_type="file", options={}, file=archive(), media_type="application/zip"
    )


# --- cancel ---


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", STEPS)
@pytest.mark.parametrize("make", [first, members])
def test_a_run_whose_worker_is_dead_is_cancelled(
    chatbot: Any, make: Callable[[Any], TrainingSource], place: str, moment: str
) -> None:
    source = make(chatbot)
    killed_at(place, moment, call=2 if make is members else 1)
    actions.cancel_source(source=source)
    assert not says(chatbot, "topic1x2", "topic1x2")
    done_again()
    source.refresh_from_db()
    assert (source.status, source.searchable) == ("cancelled", "none")
    assert list(Run.objects.values_list("state", flat=True)) == ["cancelled"]
    assert not Document.objects.exists()
    assert not Event.objects.filter(type="source.ready").exists()
    assert stored(chatbot) == NOTHING
    assert_no_row_too_many(chatbot)


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", [*STEPS, SWITCH])
def test_a_change_whose_worker_is_dead_is_cancelled(chatbot: Any, place: str, moment: str) -> None:
    source = trained(chatbot, text(1))
    actions.update_source(source=source, changes={"content": text(1).replace("topic1x2", "topic1changed")})
    killed_at(place, moment)
    actions.cancel_source(source=source)
    done_again()
    source.refresh_from_db()
    assert (source.status, source.searchable) == ("cancelled", "full")
    assert sorted(Run.objects.values_list("state", flat=True)) == ["cancelled", "succeeded"]
    assert says(chatbot, "topic1x2", "topic1x2")
    assert not says(chatbot, "topic1changed", "topic1changed")
    assert_no_row_too_many(chatbot)


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", [CANCELLED, BOOK, DROP, CHANGED, HINT])
def test_who_cancels_is_killed(chatbot: Any, place: str, moment: str) -> None:
    source = first(chatbot)
    killed_at(EMBED, "before")
    killed_at(place, moment, job=CANCEL.format(source.pk))
    has_happened = place == HINT
    assert says(chatbot, "topic1x2", "topic1x2") is not has_happened
    done_again()
    if has_happened:
        assert (Run.objects.get().state, stored(chatbot)) == ("cancelled", NOTHING)
        assert_no_row_too_many(chatbot)
    else:
        assert_whole(chatbot, documents=1, ready=1)


# --- delete ---


def stored_files(media: Path) -> list[str]:
    return [path.name for path in media.rglob("*") if path.is_file()]


@pytest.fixture
def pair(chatbot: Any) -> tuple[TrainingSource, TrainingSource]:
    """Two sources that have a text in common; the first is a file."""
    file = ContentFile(text(1).encode(), name="one.md")
    gone = make_source(chatbot, name="one.md", source_type="file", options={}, file=file, media_type="text/markdown")
    return gone, trained(chatbot, text(2))


def assert_only_the_other_is_left(chatbot: Any, other: TrainingSource, media: Path) -> None:
    assert list(TrainingSource.objects.values_list("pk", flat=True)) == [other.pk]
    assert says(chatbot, "topic2x3", "topic2x3")
    assert says(chatbot, "The same everywhere", "same everywhere")
    assert not says(chatbot, "topic1x2", "topic1x2")
    assert stored(chatbot)["texts"] == other.chunks_count
    assert Event.objects.filter(type="source.deleted").count() == 1
    assert AuditEvent.objects.filter(action="source.deleted").count() == 1
    assert not stored_files(media)
    assert_no_row_too_many(chatbot)


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", [LOCK, ROWS, TOLD, CHANGED])
@pytest.mark.parametrize("values", [{}, MANY], ids=["few", "many"])
def test_who_deletes_is_killed_before_it_has_happened(
    chatbot: Any,
    pair: tuple[TrainingSource, TrainingSource],
    settings: Any,
    values: dict[str, object],
    place: str,
    moment: str,
) -> None:
    gone, other = pair
    killed_at(place, moment, job=DELETE.format(gone.pk), values=values)
    assert says(chatbot, "topic1x2", "topic1x2")
    assert stored_files(settings.MEDIA_ROOT)
    done_again()
    assert_whole(chatbot, documents=2, ready=2)
    actions.delete_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=[gone.pk])
    found_by_the_sweep()
    assert_only_the_other_is_left(chatbot, other, settings.MEDIA_ROOT)


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize(
    ("place", "call"), [(FILES, 1), (HINT, 1), (LEFTOVERS, 1), (FORGET, 3), (FORGET, 4), (COUNTED, 1)]
)
def test_who_deletes_is_killed_after_it_has_happened(
    chatbot: Any,
    pair: tuple[TrainingSource, TrainingSource],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    call: int,
    moment: str,
) -> None:
    gone, other = pair
    killed_at(place, moment, call=call, job=DELETE.format(gone.pk), values=MANY)
    assert not says(chatbot, "topic1x2", "topic1x2")
    assert says(chatbot, "The same everywhere", "same everywhere")
    done_again()
    monkeypatch.setattr(files, "YOUNG", timedelta(0))
    files.remove_orphans()
    assert_only_the_other_is_left(chatbot, other, settings.MEDIA_ROOT)
