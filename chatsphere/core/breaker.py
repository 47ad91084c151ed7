"""Circuit breaker for model providers, shared by all processes through Redis.

Five failures in a row within a minute open the circuit for ten seconds: who asks in that time hears it at once instead of waiting for the
next timeout. A model that asks for a long pause (Retry-After) gets it in the same way. Then one caller tries; its failure opens the circuit again, its success closes it. A process asks Redis at most
once a second and model, beside the answers that it gives, and keeps its own count while Redis is away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

from chatsphere.core.redis_clients import REDIS_AWAY, async_client

logger = logging.getLogger("chatsphere.models")
MOST_FAILURES = 5
OPEN_SECONDS = 10.0
MEMORY_SECONDS = 60
LONGEST_REST = 300.0
LOOK_SECONDS = 1.0


@dataclass(slots=True)
class _Circuit:
    """What this process knows; times are of the wall clock, which processes share."""

    failures: int = 0
    open_until: float = 0.0
    looked_at: float = 0.0
    trial_until: float = 0.0


_known: WeakSet[SharedBreaker] = WeakSet()


def circuits() -> Mapping[str, _Circuit]:
    """What this process knows of each model it has asked, for figures."""
    return {name: circuit for each in list(_known) for name, circuit in list(each._circuits.items())}


class SharedBreaker:
    """One a process."""

    def __init__(self) -> None:
        self._circuits: dict[str, _Circuit] = {}
        _known.add(self)
        self._looking: set[asyncio.Task[None]] = set()

    async def wait_for(self, name: str) -> float:
        """Seconds until the model may be asked again. Waits for Redis only while a circuit is being tried."""
        circuit, now = self._circuits.setdefault(name, _Circuit()), time.time()
        if now - circuit.looked_at >= LOOK_SECONDS:
            circuit.looked_at = now
            self._spawn(name, circuit)
        if circuit.failures < MOST_FAILURES:
            return 0.0
        if now < circuit.open_until:
            return circuit.open_until - now
        return 0.0 if await self._may_try(name, circuit, now) else OPEN_SECONDS / 2

    async def failed(self, name: str) -> None:
        """Count a failure; the fifth in a row opens the circuit."""
        circuit = self._circuits.setdefault(name, _Circuit())
        circuit.failures += 1
        try:
            circuit.failures = max(circuit.failures, await _count(name))
        except REDIS_AWAY as error:
            logger.warning("Redis is away, failures of models are counted in this process: %s", error)
        if circuit.failures >= MOST_FAILURES:
            circuit.open_until = time.time() + OPEN_SECONDS
            logger.warning(
                "The model %s failed %d times in a row; it is left alone for a while", name, circuit.failures
            )
            await _publish(name, circuit.open_until)

    async def succeeded(self, name: str) -> None:
        """Close the circuit. Costs nothing for a model that has not failed."""
        circuit = self._circuits.setdefault(name, _Circuit())
        if circuit.failures:
            circuit.failures, circuit.open_until = 0, 0.0
            try:
                await async_client().delete(_key(name))
            except REDIS_AWAY as error:
                logger.warning("Redis is away, a recovered model is known in this process: %s", error)

    async def rest(self, name: str, seconds: float) -> None:
        """Leave the model alone for ``seconds``, at most LONGEST_REST: it asked for that itself. Then one caller tries."""
        circuit = self._circuits.setdefault(name, _Circuit())
        seconds = min(seconds, LONGEST_REST)
        circuit.failures, circuit.open_until = MOST_FAILURES, time.time() + seconds
        logger.warning("The model %s asked for a pause of %.0f seconds; it is left alone", name, seconds)
        pipe = async_client().pipeline(transaction=False)
        pipe.hset(_key(name), mapping={"failures": MOST_FAILURES, "open_until": f"{circuit.open_until:.3f}"})
        pipe.expire(_key(name), int(seconds) + MEMORY_SECONDS)
        try:
            await pipe.execute()
        except REDIS_AWAY as error:
            logger.warning("Redis is away, other processes find out about the model themselves: %s", error)

    def _spawn(self, name: str, circuit: _Circuit) -> None:
        task = asyncio.create_task(self._look(name, circuit))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look(self, name: str, circuit: _Circuit) -> None:
        try:
            stored: Any = await _client().hmget(_key(name), ["failures", "open_until"])
        except REDIS_AWAY:
            return  # what this process knows must do
        circuit.failures, circuit.open_until = int(stored[0] or 0), float(stored[1] or 0)

    async def _may_try(self, name: str, circuit: _Circuit, now: float) -> bool:
        try:
            return bool(await async_client().set(f"{_key(name)}:trial", b"1", nx=True, px=int(OPEN_SECONDS * 500)))
        except REDIS_AWAY:
            if now < circuit.trial_until:
                return False
            circuit.trial_until = now + OPEN_SECONDS / 2
            return True


async def _count(name: str) -> int:
    pipe = async_client().pipeline(transaction=False)
    pipe.hincrby(_key(name), "failures", 1)
    pipe.expire(_key(name), MEMORY_SECONDS)
    return int((await pipe.execute())[0])


async def _publish(name: str, open_until: float) -> None:
    try:
        await _client().hset(_key(name), "open_until", f"{open_until:.3f}")
    except REDIS_AWAY as error:
        logger.warning("Redis is away, other processes find out about the model themselves: %s", error)


def _client() -> Any:
    return async_client()


def _key(name: str) -> str:
    return f"chatsphere:breaker:{name}"
