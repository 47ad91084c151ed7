"""What a good engineer writes in an afternoon, beside bench-chat: FastAPI and LlamaIndex, an index in memory, conversations in SQLite.

Runs in a virtual environment of its own that ``benchmarks.chat_peers`` makes; imports nothing of ChatSphere.
"""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from llama_index.core import VectorStoreIndex
from llama_index.core.llms import ChatMessage
from llama_index.core.schema import TextNode
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai_like import OpenAILike

URL = os.environ["OPENAI_BASE_URL"]
model = OpenAILike(model="stub", api_base=URL, api_key="stub", is_chat_model=True, timeout=60)
embedder = OpenAIEmbedding(model="text-embedding-3-small", api_base=URL, api_key="stub", embed_batch_size=200)
application = FastAPI()
database = sqlite3.connect(":memory:", check_same_thread=False)
database.execute("CREATE TABLE messages (id TEXT, conversation TEXT, role TEXT, content TEXT)")


def _nodes() -> list[TextNode]:
    with open(os.environ["BENCH_TEXTS"], encoding="utf-8") as file:
        return [TextNode(text=text) for text in json.load(file)]


retriever = VectorStoreIndex(_nodes(), embed_model=embedder).as_retriever(similarity_top_k=6)


@application.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@application.post("/chat")
async def chat(body: dict[str, Any]) -> StreamingResponse:
    """Find, ask, stream, store."""
    conversation = str(uuid.uuid4())
    _store(conversation, "user", body["message"])
    found = await retriever.aretrieve(body["message"])
    sources = "\n\n".join(f"[{number}] {node.text}" for number, node in enumerate(found, start=1))
    messages = [
        ChatMessage(role="user", content=f"Answer from these sources:\n{sources}\n\nQuestion: {body['message']}")
    ]
    return StreamingResponse(_pieces(conversation, messages), media_type="text/event-stream")


async def _pieces(conversation: str, messages: list[ChatMessage]) -> AsyncIterator[str]:
    parts: list[str] = []
    async for chunk in await model.astream_chat(messages):
        parts.append(chunk.delta or "")
        yield f"data: {json.dumps({'delta': chunk.delta})}\n\n"
    _store(conversation, "assistant", "".join(parts))
    yield "data: [DONE]\n\n"


def _store(conversation: str, role: str, content: str) -> None:
    database.execute("INSERT INTO messages VALUES (?, ?, ?, ?)", (str(uuid.uuid4()), conversation, role, content))
    database.commit()
