"""What the tests of conversations share: a document, a model that says what it is told, an async client."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.test import AsyncClient

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.conversations import followers, runs, watching
from chatsphere.apps.training import knowledge
from chatsphere.apps.training.models import ChunkText, Document, DocumentVersion, Placement, TrainingSource
from chatsphere.core import engines, lifespan
from chatsphere.core.async_database import close_pool
from chatsphere.core.redis_clients import close_async_client
from chatsphere.core.sse import read_frame, split_frames
from chatsphere.services.ai.tokens import estimate_tokens
from chatsphere.services.types import ChatDone, ChatEvent, ChatPrompt, FinishReason, TextDelta, TokenUsage
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord

TEXT = (
    "The office dog is called Biscuit and sleeps under the reception desk.\n\n"
    "Spare chargers are kept in locker B-17 beside the kitchen.\n\n"
    "Every employee of Marble & Finch gets 27 days of paid vacation a year."
)


@dataclass
class ScriptedModel:
    """Says its pieces one by one. With ``gate`` set it waits for a release before each; ``error`` breaks the stream after the pieces."""

    pieces: tuple[str, ...] = ("Spare chargers are kept ", "in locker B-17 ", "[1].")
    gate: asyncio.Semaphore | None = None
    error: Exception | None = None
    finish_reason: FinishReason = FinishReason.STOP
    prompts: list[ChatPrompt] = field(default_factory=list)
    was_closed: bool = False
    name: str = "scripted:test"

    async def stream(self, prompt: ChatPrompt) -> AsyncIterator[ChatEvent]:
        self.prompts.append(prompt)
        try:
            for piece in self.pieces:
                if self.gate is not None:
                    await self.gate.acquire()
                yield TextDelta(piece)
            if self.gate is not None:
                await self.gate.acquire()
            if self.error is not None:
                raise self.error
            yield ChatDone(self.finish_reason, TokenUsage(100, estimate_tokens("".join(self.pieces))), "scripted-1")
        finally:
            self.was_closed = True

    def release(self, count: int = 1) -> None:
        assert self.gate is not None
        for _ in range(count):
            self.gate.release()


def teach(
    chatbot: Chatbot, text: str = TEXT, *, title: str = "Handbook", access_tags: tuple[str, ...] = ()
) -> Document:
    """Let a chatbot know a document, one chunk a paragraph, found by its words."""
    owner = {"workspace_id": chatbot.workspace_id, "chatbot_id": chatbot.pk}
    digest = hashlib.sha256(text.encode()).digest()
    with transaction.atomic():
        source = TrainingSource.objects.create(
            **owner, source_type="text", name=title, status="ready", access_tags=list(access_tags)
        )
        document = Document.objects.create(**owner, source=source, title=title)
        version = DocumentVersion.objects.create(
            **owner, document=document, content_hash=digest, text=text, language="en", is_complete=True
        )
        Document.objects.filter(pk=document.pk).update(current_version=version)
        records, start = [], 0
        for ordinal, part in enumerate(text.split("\n\n")):
            start = text.index(part, start)
            chunk = ChunkText.objects.create(
                **owner, content_hash=hashlib.sha256(part.encode()).digest(), context=title, text=part, token_count=20,
                language="en", is_live=True,
            )  # fmt: skip
            Placement.objects.create(
                **owner,
                document_version=version,
                chunk=chunk,
                ordinal=ordinal,
                char_start=start,
                char_end=start + len(part),
            )
            records.append(ChunkRecord(chunk.pk, title, part, "en"))
        connection.ensure_connection()
        ref = ChatbotRef(chatbot.workspace_id, chatbot.pk)
        store = engines.vector_store()
        store.add_texts(connection.connection, chatbot=ref, records=records, is_live=True)
        store.refresh_statistics(connection.connection, chatbot=ref)
        knowledge.changed(ref)
    return document


def make_chatbot(workspace: Any, **columns: Any) -> Chatbot:
    """A chatbot that knows TEXT."""
    settings = {"name": "Help", "slug": "help", **columns}
    made: Chatbot = Chatbot.objects.create(workspace=workspace, **settings)
    teach(made)
    return made


class Caller:
    """An async client with a token."""

    def __init__(self, token: str) -> None:
        self.token = token
        self._client = AsyncClient()
        self._headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str, **headers: str) -> Any:
        return await self._client.get(path, headers={**self._headers, **headers})

    async def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return await self._client.post(
            path,
            body if body is not None else {},
            content_type="application/json",
            headers={**self._headers, **headers},
        )

    async def ask(self, chatbot: Any, message: str = "Where are the spare chargers kept?", **more: Any) -> Any:
        return await self.post(f"/api/v1/chatbots/{chatbot.pk}/chat/", {"message": message, **more})

    async def ask_streamed(self, chatbot: Any, message: str = "Where are the spare chargers kept?", **more: Any) -> Any:
        return await self.ask(chatbot, message, stream=True, **more)


async def close_process() -> None:
    loop = asyncio.get_running_loop()
    if loop in runs._keepers:
        await runs._keepers.pop(loop).close(grace_seconds=0.1)
    if loop in followers._followers and (task := followers._followers.pop(loop)._task):
        task.cancel()
    if loop in watching._watches and (task := watching._watches.pop(loop)._task):
        task.cancel()
    lifespan._finishing.clear()
    await close_async_client()
    store = engines._made.get(next((key for key in engines._made if key[1] == "vector_store"), None))
    if store is not None:
        await store.aclose()
    await close_pool()


def parse(raw: bytes) -> list[tuple[int, str, Any]]:
    """The events of a stream, without pings."""
    return [read_frame(part) for part in split_frames(raw) if not part.startswith(b":")]


async def read_all(response: Any) -> bytes:
    return b"".join([piece async for piece in response.streaming_content])


async def read_until(stream: AsyncIterator[bytes], event: str) -> bytes:
    """Read a stream up to and with the first event of this name."""
    taken = b""
    async for piece in stream:
        taken += piece
        if any(name == event for _, name, _ in parse(taken)):
            return taken
    raise AssertionError(f"{event} never came: {taken!r}")


async def wait_until(check: Callable[[], Any], *, seconds: float = 5.0) -> Any:
    deadline = asyncio.get_running_loop().time() + seconds
    while not (result := check()):
        assert asyncio.get_running_loop().time() < deadline, "it never happened"
        await asyncio.sleep(0.02)
    return result


async def rows(model: Any, **filters: Any) -> list[Any]:
    """Rows of a model, from an async test."""
    return await sync_to_async(lambda: list(model.objects.filter(**filters).order_by("pk")))()


async def change(row: Any, **columns: Any) -> None:
    """Change columns of a row, from an async test."""
    await sync_to_async(type(row).objects.filter(pk=row.pk).update)(**columns)
