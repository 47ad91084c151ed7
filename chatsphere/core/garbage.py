"""The garbage collector of a process that serves requests.

A full collection looks at every object that imports have made, some hundreds of thousands that never go, and holds the interpreter for
a tenth of a second: a fifth of all processor time of a busy web process, and the longest pauses of its streams.
"""

from __future__ import annotations

import gc

YOUNG = 10_000  # objects made and not yet gone, until the young ones are looked at; Python's 700 are less than one request makes


def spare_what_stays() -> None:
    """Call it when everything is imported: what there is now is never looked at again, what comes later is collected as ever."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
