"""Which processes of the whole deployment live, on whatever machine: each says so in Redis every few seconds.

One hash, a field a process. Whoever is silent for STALE_SECONDS is not shown; what died long ago is swept out by who looks.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from typing import Any

import orjson
import psutil

from chatsphere.core import process
from chatsphere.core.redis_clients import REDIS_AWAY, sync_client

KEY = "chatsphere:processes"
STALE_SECONDS = 20.0
KEPT_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Living:
    """One process; memory in bytes, ``seconds`` of processor time since it began."""

    role: str
    host: str
    pid: int
    memory: int
    seconds: float


def publish() -> None:
    """Say that this process lives. Does nothing for commands, and nothing while Redis is away."""
    if not process.role:
        return
    own = living(process.role, psutil.Process())
    told = {"role": own.role, "memory": own.memory, "seconds": own.seconds, "at": time.time()}
    pipe = sync_client().pipeline(transaction=False)
    pipe.hset(KEY, _field(), orjson.dumps(told))
    pipe.expire(KEY, KEPT_SECONDS)
    try:
        pipe.execute()
    except REDIS_AWAY:
        return


def withdraw() -> None:
    """Say that this process ends."""
    if not process.role:
        return
    try:
        sync_client().hdel(KEY, _field())
    except REDIS_AWAY:
        return


def everywhere() -> list[Living] | None:
    """The living processes by role, host and number; None while Redis does not answer."""
    client, now = sync_client(), time.time()
    try:
        told: dict[bytes, bytes] = client.hgetall(KEY)  # type: ignore[assignment]  # this client does not wait
        found = {field: orjson.loads(text) for field, text in told.items()}
        old = [field for field, each in found.items() if now - each["at"] > KEPT_SECONDS]
        if old:
            client.hdel(KEY, *old)
    except REDIS_AWAY:
        return None
    # Clocks of machines differ a little; one that runs ahead is no sign of death.
    alive = [_read(field, each) for field, each in found.items() if now - each["at"] < STALE_SECONDS]
    return sorted(alive, key=lambda each: (each.role, each.host, each.pid))


def living(role: str, found: psutil.Process) -> Living:
    """What there is to say of a process of this machine. Raises psutil.Error when it is gone."""
    with found.oneshot():
        used = found.cpu_times()
        return Living(role, socket.gethostname(), found.pid, found.memory_info().rss, used.user + used.system)


def _read(field: bytes, told: dict[str, Any]) -> Living:
    host, _, pid = field.decode().rpartition("/")
    return Living(told["role"], host, int(pid), told["memory"], told["seconds"])


def _field() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"
