"""What a process remembers for a while, and how often that helped.

Every cache is bounded and lives in one process: a lost Redis changes nothing, and nothing crosses from one process to another. What may
change carries its version in the key, so that nothing has to be told to forget. ``COUNTED`` holds the hits and misses of all
of them by name, for metrics.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Hashable, Mapping
from threading import Lock
from typing import Final, Generic, TypeVar

from chatsphere.core.response_cache import counted as responses_counted

Value = TypeVar("Value")


class MemoryCache(Generic[Value]):
    """At most ``most`` values, none older than ``seconds`` (None: however old); what was unused for longest goes first."""

    def __init__(self, most: int, *, seconds: float | None = None) -> None:
        self.counted: Counter[str] = Counter()  # "hit" and "miss"
        self._kept: OrderedDict[Hashable, tuple[float, Value]] = OrderedDict()
        self._most = most
        self._seconds = seconds
        self._lock = Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value, or None; counts a hit or a miss."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and self._seconds is not None and time.monotonic() - kept[0] > self._seconds:
                del self._kept[key]
                kept = None
            if kept is not None:
                self._kept.move_to_end(key)
            self.counted["miss" if kept is None else "hit"] += 1
        return None if kept is None else kept[1]

    def put(self, key: Hashable, value: Value) -> None:
        """Remember it; it must not be changed from now on."""
        with self._lock:
            self._kept[key] = (time.monotonic(), value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()


COUNTED: Final[dict[str, Mapping[str, int]]] = {"responses": responses_counted}


def named_cache(name: str, most: int, *, seconds: float | None = None) -> MemoryCache[Value]:
    """A cache whose hits and misses stand in ``COUNTED`` under this name."""
    cache: MemoryCache[Value] = MemoryCache(most, seconds=seconds)
    COUNTED[name] = cache.counted
    return cache
