"""The platform with ``VECTOR_STORE=qdrant``: train, ask, delete, retrain, move over. The server is Qdrant's interface before its client's
in-memory Qdrant (``tests/stubs/qdrant_server.py``)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from django.utils import timezone

from chatsphere.apps.chatbots.actions import delete_chatbot, purge_deleted_chatbots, update_chatbot
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training import retrain_worker, tasks
from chatsphere.apps.training.actions import delete_sources
from chatsphere.apps.training.models import ChunkTerms, PendingPoint
from chatsphere.apps.training.retraining import start_retraining
from chatsphere.core import durable, engines
from chatsphere.services.errors import EngineMisconfigured
from chatsphere.services.vector_store.qdrant import QdrantVectorStore
from tests.apps.conversations.world import Caller, ScriptedModel
from tests.apps.training.world import make_chatbot, trained, work
from tests.stubs.qdrant_server import QdrantServer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:(Payload indexes|Local mode|Api key is used)"),
]


@pytest.fixture
def server(settings: Any, tmp_path: Any) -> Iterator[QdrantServer]:
    settings.MEDIA_ROOT = tmp_path / "media"
    with QdrantServer() as running:
        settings.VECTOR_STORE, settings.QDRANT_URL, settings.QDRANT_FROM_CHUNKS = "qdrant", running.url, 0
        yield running


@pytest.fixture
def taught(server: QdrantServer, alice: Any) -> Chatbot:
    """Trained by the pipeline, and Qdrant has caught up."""
    chatbot = make_chatbot(alice, "Library")
    trained(chatbot)
    tasks.index_large_chatbots()
    assert not PendingPoint.objects.exists()
    return chatbot


async def found(caller: Caller, chatbot: Chatbot, query: str) -> list[Any]:
    response = await caller.post(f"/api/v1/chatbots/{chatbot.pk}/search/", {"query": query})
    assert response.status_code == 200, response.content
    results: list[Any] = response.json()["results"]
    return results


def points(server: QdrantServer) -> dict[str, int]:
    names = [each.name for each in server.local.get_collections().collections]
    return {name: server.local.count(name).count for name in names}


async def test_what_was_trained_is_found_through_qdrant_and_answers(
    server: QdrantServer, caller: Caller, taught: Chatbot, model: ScriptedModel
) -> None:
    server.seen.clear()
    first, *_ = await found(caller, taught, "What does a lost library card cost?")
    assert "four euros" in first["text"]
    assert first["scores"]["dense"] > 0
    assert first["scores"]["sparse"] > 0
    assert sum(line.endswith("/points/query") for line in server.seen) == 2
    answer = (await caller.ask(taught, "What does a lost library card cost?")).json()["message"]
    assert answer["citations"]
    assert any("four euros" in passage.text for passage in model.prompts[0].passages)


async def test_a_deleted_source_is_found_no_more_although_qdrant_is_away(
    server: QdrantServer, caller: Caller, taught: Chatbot
) -> None:
    server.is_broken = True
    ids = [source.pk async for source in taught.sources.all()]
    await sync_to_async(delete_sources)(workspace_id=taught.workspace_id, chatbot_id=taught.pk, source_ids=ids)
    assert await found(caller, taught, "lost library card") == []
    await sync_to_async(tasks.index_large_chatbots)()
    assert set(points(server).values()) != {0}
    server.is_broken = False
    assert await found(caller, taught, "lost library card") == []
    await sync_to_async(tasks.index_large_chatbots)()
    assert set(points(server).values()) == {0}


def test_a_chatbot_that_is_removed_for_good_leaves_qdrant(server: QdrantServer, taught: Chatbot) -> None:
    delete_chatbot(workspace_id=taught.workspace_id, chatbot_id=taught.pk)
    assert purge_deleted_chatbots(now=timezone.now() + timedelta(days=30)) == 1
    assert set(points(server).values()) != {0}
    tasks.index_large_chatbots()
    assert set(points(server).values()) == {0}


def test_retraining_moves_the_points_to_the_new_model(
    server: QdrantServer, taught: Chatbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrain_worker, "GRACE_SECONDS", 0.0)
    owner: dict[str, Any] = {"workspace_id": taught.workspace_id, "chatbot_id": taught.pk}
    update_chatbot(**owner, changes={"configuration": {"embedding_model": "hashing:128"}})
    retraining = start_retraining(**owner)
    while retraining.state in durable.OPEN_STATES:
        retrain_worker.work(retraining.pk)
        work()
        retraining.refresh_from_db()
    tasks.index_large_chatbots()
    held = points(server)
    chunks = ChunkTerms.objects.count()
    assert sorted(held.values()) == [0, chunks, chunks]
    assert [held[name] for name in held if "hashing_128" in name] == [chunks]


async def test_moving_over_is_a_setting_and_a_command(
    server: QdrantServer, alice: Any, caller: Caller, settings: Any
) -> None:
    settings.VECTOR_STORE = "pgvector"
    chatbot = await sync_to_async(make_chatbot)(alice, "Library")
    await sync_to_async(trained)(chatbot)
    assert server.seen == []
    settings.VECTOR_STORE = "qdrant"
    engines.forget()
    with pytest.raises(CommandError, match="--repair"):
        await sync_to_async(call_command)("reconcile")
    await sync_to_async(call_command)("reconcile", "--repair")
    assert "four euros" in (await found(caller, chatbot, "lost library card"))[0]["text"]  # still PostgreSQL's work
    await sync_to_async(tasks.index_large_chatbots)()
    assert set(points(server).values()) == {await ChunkTerms.objects.acount()}
    await sync_to_async(call_command)("reconcile")
    server.seen.clear()
    assert "four euros" in (await found(caller, chatbot, "price of a lost card"))[0]["text"]
    assert any(line.endswith("/points/query") for line in server.seen)


def test_the_engine_says_what_it_needs(settings: Any) -> None:
    settings.VECTOR_STORE, settings.QDRANT_URL = "qdrant", ""
    with pytest.raises(EngineMisconfigured, match="QDRANT_URL"):
        engines.vector_store()
    settings.VECTOR_STORE = "milvus"
    with pytest.raises(EngineMisconfigured, match="`pgvector`, `qdrant`"):
        engines.vector_store()
    settings.VECTOR_STORE, settings.QDRANT_URL = "qdrant", "http://127.0.0.1:1"
    assert isinstance(engines.vector_store(), QdrantVectorStore)
