"""Whether this worker has been asked to stop: what takes longer than a moment is then handed over where it stands."""

from __future__ import annotations

import mmap

_asked: mmap.mmap | None = None


def listen() -> None:
    """Before the worker forks its processes, which shall learn of it. A worker's own: workers that one parent has made are asked apart."""
    global _asked  # the memory that these processes share
    _asked = mmap.mmap(-1, 1)


def ask() -> None:
    """This worker shall stop. Safe in a signal's handler; nothing happens where nobody listens."""
    if _asked is not None:
        _asked[0] = 1


def is_asked() -> bool:
    """Whether ``ask`` was called in this process or the one that has forked it. Costs nothing."""
    return _asked is not None and _asked[0] == 1
