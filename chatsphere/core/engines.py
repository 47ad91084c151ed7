"""Which engine does the work: ``engine:model`` names become engines, made once a process and model.

Engines are imported when they are first asked for: a process that talks to an API never loads the local model's libraries.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

import orjson
from django.conf import settings
from django.utils.module_loading import import_string

from chatsphere.core.async_database import WAIT_SECONDS
from chatsphere.core.connections import conninfo, is_pooled
from chatsphere.core.observed import observed, watched
from chatsphere.services.ai.base import ChatModel, Embedder, Reranker
from chatsphere.services.errors import EngineError, EngineMisconfigured
from chatsphere.services.vector_store.base import VectorStore

logger = logging.getLogger("chatsphere.engines")
Maker = Callable[[str], Any]  # from the part of the name behind the colon

_made: dict[tuple[int, str, str], Any] = {}


def embedder(name: str = "") -> Embedder:
    """The embedder of this ``engine:model``, else of ``EMBEDDING_MODEL``. Raises EngineMisconfigured for a name nobody knows."""
    return cast(Embedder, _engine("embedder", name or settings.EMBEDDING_MODEL, _EMBEDDERS, watch="embedding"))


def chat_model(name: str = "") -> ChatModel:
    """The chat model of this ``engine:model``, else of ``CHAT_MODEL``. Several names, with commas, are a chain: when one fails before its
    first word, the next is asked. Raises EngineMisconfigured for a name nobody knows."""
    chain = name or settings.CHAT_MODEL
    if chain == "extractive":
        return cast(ChatModel, _engine("chat_model", chain, _CHAT_MODELS))
    key = (os.getpid(), "chain", chain)
    if key not in _made:
        makers: dict[str, Maker] = {**_CHAT_MODELS}
        makers |= {provider: partial(_provider_chat_model, provider) for provider in providers()}
        models = [_engine("chat_model", each.strip(), makers) for each in chain.split(",")]
        breaker = _made.setdefault(
            (os.getpid(), "breaker", ""), import_string("chatsphere.core.breaker.SharedBreaker")()
        )
        _made[key] = import_string("chatsphere.services.ai.fallback.FallbackChatModel")(
            models, breaker, partial(observed, "chat")
        )
    return cast(ChatModel, _made[key])


def providers() -> Mapping[str, Mapping[str, str]]:
    """The operator's further model providers (``MODEL_PROVIDERS``) by name: ``base_url`` and ``api_key``."""
    found: dict[str, dict[str, str]] = orjson.loads(settings.MODEL_PROVIDERS or "{}")
    return found


def reranker() -> Reranker | None:
    """What orders the best hits again, by ``RERANKER``; None when that is empty."""
    name = settings.RERANKER
    return cast(Reranker, _engine("reranker", name, _RERANKERS, watch="rerank")) if name else None


def vector_store() -> VectorStore:
    """Where chunks are found, by ``VECTOR_STORE``. Raises EngineMisconfigured for a name nobody knows."""
    return cast(VectorStore, _engine("vector_store", settings.VECTOR_STORE, _VECTOR_STORES, watch="search"))


def make_all() -> None:
    """Make the deployment's own engines now: else the first question of a process waits while a client of several hundred modules is
    imported, and with it every stream of that process. Connects to nothing; an engine that cannot be made is left to who asks for it."""
    for make in (embedder, chat_model, vector_store, reranker):
        try:
            make()
        except EngineError as error:
            logger.warning("An engine cannot be made: %s", error)


def made() -> list[Any]:
    """The engines that this process has made so far."""
    return [engine for (process, _, _), engine in _made.items() if process == os.getpid()]


def forget() -> None:
    """Make every engine anew when it is next asked for, as after a change of settings. Open connections are left to them."""
    _made.clear()


def _engine(kind: str, name: str, makers: Mapping[str, Maker], *, watch: str = "") -> Any:
    # A forked worker must not share the connections of its parent, so the process is part of the key.
    key = (os.getpid(), kind, name)
    if key not in _made:
        engine, _, model = name.partition(":")
        if engine not in makers:
            known = ", ".join(f"`{each}`" for each in makers)
            raise EngineMisconfigured(f"There is no {kind.replace('_', ' ')} `{name}`. Known engines: {known}.")
        made = makers[engine](model)
        _made[key] = watched(watch, name, made) if watch else made
    return _made[key]


def _local_embedder(model: str) -> Any:
    if not settings.EMBEDDER_SOCKET:
        raise EngineMisconfigured(
            "The local embedding model is served by a process of its own: set EMBEDDER_SOCKET to its Unix socket."
        )
    make = import_string("chatsphere.services.ai.local.LocalEmbedder")
    return make(settings.EMBEDDER_SOCKET, model_id=f"local:{model}")


def _hashing_embedder(model: str) -> Any:
    if not model.isdigit():
        raise EngineMisconfigured("Name the hashing embedder with its dimensions: `hashing:256`.")
    return import_string("chatsphere.services.ai.hashing.HashingEmbedder")(int(model))


def _openai_embedder(model: str) -> Any:
    """``openai:<model>``, or ``openai:<model>@<dimensions>`` as the embedder itself is called when it shortens its vectors."""
    make = import_string("chatsphere.services.ai.openai.OpenAIEmbedder")
    name, _, size = model.rpartition("@") if _SHORTENED.search(model) else (model, "", "")
    return make(name, _provider(), dimensions=int(size or settings.EMBEDDING_DIMENSIONS) or None)


def _openai_chat_model(model: str) -> Any:
    return import_string("chatsphere.services.ai.openai.OpenAIChatModel")(model, _provider())


def _provider_chat_model(provider: str, model: str) -> Any:
    given = providers()[provider]
    connection = replace(_provider(), base_url=given["base_url"], api_key=given.get("api_key", ""))
    return import_string("chatsphere.services.ai.openai.OpenAIChatModel")(model, connection, label=provider)


def _extractive_chat_model(_model: str) -> Any:
    return import_string("chatsphere.services.ai.extractive.ExtractiveChatModel")(embedder())


def _http_reranker(dialect: str, model: str) -> Any:
    make = import_string("chatsphere.services.ai.reranking.HttpReranker")
    return make(
        model,
        base_url=settings.RERANKER_BASE_URL,
        api_key=settings.RERANKER_API_KEY,
        dialect=dialect,
        seconds=settings.RERANKER_TIMEOUT,
    )


def _pgvector_store(_model: str) -> Any:
    make = import_string("chatsphere.services.vector_store.pgvector.PgVectorStore")
    dsn, pool = _searching()
    return make(dsn, pool=pool)


def _qdrant_store(_model: str) -> Any:
    if not settings.QDRANT_URL:
        raise EngineMisconfigured("The engine `qdrant` needs the address of a server: set QDRANT_URL.")
    try:
        layout = import_string("chatsphere.services.vector_store.qdrant_points.Layout")
    except ImportError as error:
        raise EngineMisconfigured("The engine `qdrant` needs its client: pip install 'chatsphere[qdrant]'.") from error
    points = import_string("chatsphere.services.vector_store.qdrant_points.Points").at(
        settings.QDRANT_URL,
        settings.QDRANT_API_KEY,
        layout=layout(settings.QDRANT_SHARDS, settings.QDRANT_REPLICAS),
    )
    make = import_string("chatsphere.services.vector_store.qdrant.QdrantVectorStore")
    dsn, pool = _searching()
    return make(dsn, points, from_chunks=settings.QDRANT_FROM_CHUNKS, pool=pool)


def _searching() -> tuple[str, Any]:
    """Where searches connect, and with how many connections."""
    pool = import_string("chatsphere.services.vector_store.pgvector.PoolSettings")
    timeout_ms = settings.SEARCH_TIMEOUT_MS
    limits = pool(
        min_size=0,
        max_size=settings.SEARCH_POOL_SIZE,
        statement_timeout=timeout_ms / 1000,
        wait=WAIT_SECONDS,
        is_behind_pooler=is_pooled(settings.DATABASE_DIRECT_URL),
    )
    return conninfo(settings.DATABASES["default"], statement_timeout_ms=timeout_ms), limits


def _provider() -> Any:
    timeouts = import_string("chatsphere.services.ai.openai.Timeouts")(
        connect=settings.MODEL_CONNECT_TIMEOUT,
        first_token=settings.MODEL_FIRST_TOKEN_TIMEOUT,
        between_tokens=settings.MODEL_IDLE_TIMEOUT,
        total=settings.MODEL_TOTAL_TIMEOUT,
    )
    make = import_string("chatsphere.services.ai.openai.Connection")
    return make(api_key=settings.OPENAI_API_KEY, base_url=settings.OPENAI_BASE_URL, timeouts=timeouts)


_SHORTENED = re.compile(r"@\d+\Z")
_EMBEDDERS: Mapping[str, Maker] = {
    "local": _local_embedder,
    "openai": _openai_embedder,
    "hashing": _hashing_embedder,
}
_CHAT_MODELS: Mapping[str, Maker] = {"extractive": _extractive_chat_model, "openai": _openai_chat_model}
_RERANKERS: Mapping[str, Maker] = {"rerank": partial(_http_reranker, ""), "tei": partial(_http_reranker, "tei")}
_VECTOR_STORES: Mapping[str, Maker] = {"pgvector": _pgvector_store, "qdrant": _qdrant_store}
