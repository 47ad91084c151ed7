"""What the tests of training share: chatbots, sources, and the whole work done in place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training import actions, worker
from chatsphere.apps.training.actions import NewSource
from chatsphere.apps.training.models import ChunkTerms, ChunkText, Embedding, Placement, TrainingSource
from chatsphere.core import engines
from chatsphere.services.types import SearchHit, SearchRequest

GUIDE = """# Guide to the Lindenau library

## Opening hours

The library opens at ten on Saturdays and closes at six in the evening. It stays closed on the first Monday of each month.

## Fees

A lost library card costs four euros and fifty cents. Books that come back late cost twenty cents a day.

## Rooms

The reading room holds forty people. The quiet room on the second floor is for members who work alone.
"""


def make_chatbot(person: Any, name: str = "Help") -> Chatbot:
    made: Chatbot = Chatbot.objects.create(workspace=person.default_workspace, name=name, slug=name.lower())
    return made


def make_source(chatbot: Chatbot, content: str = GUIDE, **more: Any) -> TrainingSource:
    """A text source, queued."""
    given = {"source_type": "text", "name": "Guide", "options": {"content": content}, **more}
    [source] = actions.add_sources(
        workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, new=[NewSource(**given)], created_by=None
    )
    return source


def work() -> None:
    """What workers do until nothing is due."""
    assert worker.work_until(time.monotonic() + 60) is False


def trained(chatbot: Chatbot, content: str = GUIDE, **more: Any) -> TrainingSource:
    """A source that is ready."""
    source = make_source(chatbot, content, **more)
    work()
    source.refresh_from_db()
    assert source.status == "ready", source.error_message
    return source


def found(chatbot: Chatbot, words: str, *, limit: int = 8) -> Sequence[SearchHit]:
    """What a search by words and meaning finds."""

    async def search() -> Sequence[SearchHit]:
        store: Any = engines.vector_store()
        embedder = engines.embedder()
        request = SearchRequest(
            workspace_id=chatbot.workspace_id,
            chatbot_id=chatbot.pk,
            text=words,
            vector=await embedder.embed_query(words),
            model_id=embedder.model.id,
            limit=limit,
        )
        try:
            return (await store.search(request)).hits
        finally:
            await store.aclose()

    return async_to_sync(search)()


def says(chatbot: Chatbot, words: str, text: str) -> bool:
    """Whether a search for ``words`` finds a chunk that holds ``text``."""
    return any(text in hit.text for hit in found(chatbot, words))


def stored(chatbot: Chatbot) -> dict[str, int]:
    """How many rows of each kind a chatbot has."""
    kinds = {"texts": ChunkText, "places": Placement, "words": ChunkTerms, "vectors": Embedding}
    return {name: kind.objects.filter(chatbot_id=chatbot.pk).count() for name, kind in kinds.items()}


NOTHING = {"texts": 0, "places": 0, "words": 0, "vectors": 0}


def unknown_id() -> UUID:
    return UUID("00000000-0000-7000-8000-000000000000")
