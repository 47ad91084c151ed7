"""GET /api/v1/sources/{id}/events/: live progress."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from chatsphere.apps.training import actions, progress
from chatsphere.apps.users.actions import open_session
from chatsphere.core.async_database import close_pool
from chatsphere.core.sse import read_frame, split_frames
from tests.apps.training.world import make_source, trained, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def _no_pool_left() -> Any:
    yield
    await close_pool()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "POLL_SECONDS", 0.02)


async def follow(person: Any, source: Any) -> Any:
    tokens = await sync_to_async(open_session)(user=person)
    path = f"/api/v1/sources/{source.pk}/events/"
    return await AsyncClient().get(path, headers={"Authorization": f"Bearer {tokens.access}"})


async def test_a_source_is_followed_to_its_end(alice: Any, chatbot: Any) -> None:
    source = await sync_to_async(make_source)(chatbot)
    answer = await follow(alice, source)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    frames: list[Any] = []
    async for piece in answer.streaming_content:
        frames += [read_frame(raw) for raw in split_frames(piece)]
        if len(frames) == 1:
            await sync_to_async(work)()
    assert [number for number, _, _ in frames] == list(range(1, len(frames) + 1))
    assert frames[0][1:2] == ("source.progress",)
    assert frames[0][2]["status"] == "queued"
    assert frames[-1][1] == "source.ended"
    assert (frames[-1][2]["status"], frames[-1][2]["searchable"]) == ("ready", "full")


async def test_a_source_that_is_ready_ends_at_once(alice: Any, chatbot: Any) -> None:
    source = await sync_to_async(trained)(chatbot)
    answer = await follow(alice, source)
    pieces = [piece async for piece in answer.streaming_content]
    assert [read_frame(raw)[1] for piece in pieces for raw in split_frames(piece)] == ["source.ended"]


async def test_a_deletion_ends_the_stream(alice: Any, chatbot: Any) -> None:
    source = await sync_to_async(make_source)(chatbot)
    answer = await follow(alice, source)
    events = []
    async for piece in answer.streaming_content:
        events += [read_frame(raw)[1] for raw in split_frames(piece)]
        if len(events) == 1:
            await sync_to_async(actions.delete_sources)(
                workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=[source.pk]
            )
    assert events == ["source.progress", "source.deleted"]


async def test_a_stranger_gets_404_and_nobody_401(charlie: Any, chatbot: Any) -> None:
    source = await sync_to_async(make_source)(chatbot)
    assert (await follow(charlie, source)).status_code == 404
    assert (await AsyncClient().get(f"/api/v1/sources/{source.pk}/events/")).status_code == 401
