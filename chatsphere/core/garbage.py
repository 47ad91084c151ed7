"""The garbage collector of a process that serves requests.

A full collection looks at every object that imports have made, some hundreds of thousands that never go, and holds the interpreter for
a tenth of a second: a fifth of all processor time of a busy web process, and the longest pauses of its streams.
"""

from __future__ import annotations

import gc

WEIGHT = 16 * 1024 * 1024  # bytes of bodies until all that came since the start is looked at, some milliseconds
YOUNG = 10_000  # objects made and not yet gone, until the young ones are looked at; Python's 700 are less than one request makes


def spare_what_stays() -> None:
    """Call it when everything is imported: what there is now is never looked at again, what comes later is collected as ever."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)


class Scales:
    """Python counts objects, not bytes: a refused body of a megabyte that hangs on its own error's traceback is few objects, and hundreds
    of them would wait for the next collection."""

    def __init__(self) -> None:
        self._bytes = 0

    def add(self, size: int) -> None:
        """A body of that many bytes was done with; after WEIGHT of them garbage is collected. Call it from one thread."""
        self._bytes += size
        if self._bytes >= WEIGHT:
            self._bytes = 0
            gc.collect()
