"""Questions that are asked again cost neither an embedding nor a search, while nothing has changed.

A vector depends on model and text alone. A search result belongs to one workspace, chatbot, version of its knowledge, set of filters and
access tags, and question. The version is raised in the transaction of each change and read by the request that searches, so what was
deleted before it began is in no key that it asks for. Ranks may follow new statistics half a minute late. Neither the
questions themselves nor who asked them is kept, only digests.
"""

from __future__ import annotations

from collections.abc import Hashable
from hashlib import blake2b
from typing import Final

from chatsphere.core import engines
from chatsphere.core.memory_cache import MemoryCache, named_cache
from chatsphere.services.ai.base import read_question
from chatsphere.services.types import Reading, SearchOutcome, SearchRequest

embeddings: Final[MemoryCache[Reading]] = named_cache("embeddings", 2_000)  # some 3 KB each
searches: Final[MemoryCache[SearchOutcome]] = named_cache("searches", 200, seconds=30.0)  # some 75 KB each


async def question(model: str, text: str) -> Reading:
    """A question as a model has read it; spaces do not make another one. Raises EngineError."""
    key = (model, _digest(" ".join(text.split())))
    known = embeddings.get(key)
    if known is None:
        known = await read_question(engines.embedder(model), text)
        known.vector.setflags(write=False)
        embeddings.put(key, known)
    return known


async def search(request: SearchRequest, knowledge_version: int | None) -> SearchOutcome:
    """What the store finds; None for a version that the caller does not know, which is never remembered. Raises EngineError."""
    if knowledge_version is None:
        return await engines.vector_store().search(request)
    key = _key(request, knowledge_version)
    known = searches.get(key)
    if known is None:
        known = await engines.vector_store().search(request)
        searches.put(key, known)
    return known


def _key(request: SearchRequest, knowledge_version: int) -> Hashable:
    vector = b"" if request.vector is None else request.vector.tobytes()
    return (
        request.workspace_id,
        request.chatbot_id,
        knowledge_version,
        request.filters,
        request.limit,
        request.candidates,
        request.model_id,
        _digest(request.text),
        blake2b(vector, digest_size=16).digest(),
    )


def _digest(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
