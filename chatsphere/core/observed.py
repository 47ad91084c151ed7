"""Calls to models and searches, counted, timed and traced in one place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from chatsphere.core import metrics, tracing
from chatsphere.services.errors import EngineError

SEARCH = "search"


@contextmanager
def observed(kind: str, name: str) -> Iterator[None]:
    """A call to ``name`` (``engine:model``) for ``chat``, ``embedding``, ``rerank`` or ``search``; errors pass through, counted by type."""
    began, outcome = time.perf_counter(), "ok"
    try:
        with tracing.span(f"{kind} {metrics.provider_of(name)}", {"gen_ai.request.model": name} if name else {}):
            yield
    except EngineError as error:
        outcome = error.type
        raise
    except (asyncio.CancelledError, GeneratorExit):
        outcome = "cancelled"
        raise
    except Exception:
        outcome = "error"
        raise
    finally:
        _count(kind, metrics.provider_of(name), outcome, time.perf_counter() - began)


def watched(kind: str, name: str, engine: Any) -> Any:
    """The same engine, whose calls are observed. It stays of its class: only these methods of this one object are put around."""
    for method in METHODS[kind]:
        if hasattr(engine, method):
            setattr(engine, method, _around(engine, method, kind, name))
    if kind == "embedding" and not hasattr(engine, "embed_texts"):
        engine.embed_query = _around(engine, "embed_query", kind, name)
    return engine


# Where there is ``embed_texts``, a question is embedded by it.
METHODS = {
    "embedding": ("embed_passages", "embed_texts", "read_passages", "read_question"),
    "rerank": ("rerank",),
    SEARCH: ("search",),
}


def _around(engine: Any, method: str, kind: str, name: str) -> Callable[..., Any]:
    kind_of_engine = type(engine)
    if not asyncio.iscoroutinefunction(getattr(kind_of_engine, method)):

        @wraps(getattr(kind_of_engine, method))
        def call(*arguments: Any, **options: Any) -> Any:
            with observed(kind, name):
                return getattr(kind_of_engine, method)(engine, *arguments, **options)

        return call

    @wraps(getattr(kind_of_engine, method))
    async def call_async(*arguments: Any, **options: Any) -> Any:
        with observed(kind, name):
            return await getattr(kind_of_engine, method)(engine, *arguments, **options)

    return call_async


def _count(kind: str, provider: str, outcome: str, seconds: float) -> None:
    if kind == SEARCH:
        metrics.search_seconds.labels(outcome).observe(seconds)
        return
    metrics.model_calls.labels(provider, kind, outcome).inc()
    metrics.model_seconds.labels(provider, kind).observe(seconds)
