"""A chain of chat models: the first that answers answers. A model that keeps failing is left alone for a while.

The next model is asked only as long as nothing has been said; an answer is never put together from two models. Which model spoke stands
in each event (``engine``), for whoever counts what was used.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import replace
from typing import Protocol

from chatsphere.services.ai.base import ChatModel
from chatsphere.services.errors import EngineError, UpstreamRateLimited, UpstreamTimeout, UpstreamUnavailable
from chatsphere.services.types import ChatEvent, ChatPrompt

Observe = Callable[[str], AbstractContextManager[None]]
FAILURES = (UpstreamUnavailable, UpstreamTimeout)  # of the provider; a 429 or a wrong key is no outage
LONG_PAUSE = 8.0  # seconds; a provider that asks for more is not asked again before, by nobody


class Breaker(Protocol):
    """Remembers which models fail. Shared by all who ask them, as far as it can be."""

    async def wait_for(self, name: str) -> float:
        """Seconds for which this model is better left alone; 0 lets the caller try."""
        ...

    async def failed(self, name: str) -> None: ...

    async def succeeded(self, name: str) -> None: ...

    async def rest(self, name: str, seconds: float) -> None:
        """Leave this model alone for so long."""
        ...


def _unobserved(_name: str) -> AbstractContextManager[None]:
    return nullcontext()


class FallbackChatModel:
    """One or more models behind one face. ``name`` is the first one's."""

    def __init__(self, models: Sequence[ChatModel], breaker: Breaker, observe: Observe | None = None) -> None:
        self._models = tuple(models)
        self._breaker = breaker
        self._observe = observe or _unobserved  # around each model's answer, by its name

    @property
    def name(self) -> str:
        return self._models[0].name

    async def stream(self, prompt: ChatPrompt) -> AsyncIterator[ChatEvent]:
        """Raises the last model's error when none has begun to answer, at once when all of them are left alone."""
        shortest_wait, failure = 0.0, None
        for model in self._models:
            wait = await self._breaker.wait_for(model.name)
            if wait > 0:
                shortest_wait = min(shortest_wait or wait, wait)
                continue
            has_spoken = False
            try:
                async with aclosing(self._guarded(model, prompt)) as events:
                    async for event in events:
                        has_spoken = True
                        yield event
                return
            except EngineError as error:
                if has_spoken:
                    raise
                failure = error
        raise failure or _resting(shortest_wait)

    async def _guarded(self, model: ChatModel, prompt: ChatPrompt) -> AsyncGenerator[ChatEvent, None]:
        """One model's answer; its outcome is noted. Whoever stops listening says nothing about the model."""
        is_known_good = False
        try:
            with self._observe(model.name):
                async for event in model.stream(prompt):
                    if not is_known_good:
                        is_known_good = True
                        await self._breaker.succeeded(model.name)
                    yield replace(event, engine=model.name)
        except UpstreamRateLimited as error:
            if (error.retry_after or 0.0) > LONG_PAUSE:
                await self._breaker.rest(model.name, error.retry_after or 0.0)
            raise
        except FAILURES:
            await self._breaker.failed(model.name)
            raise


def _resting(seconds: float) -> UpstreamUnavailable:
    return UpstreamUnavailable(
        f"The model provider has failed repeatedly or asked for a pause and is tried again in {seconds:.0f} seconds.",
        retry_after=seconds,
    )
