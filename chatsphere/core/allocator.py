"""How this process gives memory back that it has used for a moment."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
LARGE_BLOCK: Final = 512 * 1024


def give_large_blocks_back() -> None:
    """From now on what is larger than LARGE_BLOCK goes back to the system as soon as it is freed; so do forks.

    Left alone, glibc raises its threshold to the size of what was freed, up to 32 MB, and keeps such blocks in its heap: a process that reads
    texts of some megabytes one after the other ends with a heap full of holes, twice as large as what it holds. Does nothing elsewhere.
    """
    with contextlib.suppress(OSError, AttributeError):  # another system, another C library
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)
        library.mallopt(_M_TRIM_THRESHOLD, 2 * LARGE_BLOCK)
