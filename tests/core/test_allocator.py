"""Large blocks go back to the system when they are freed."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Blocks of some megabytes come and go, and what stays is made after them: left alone, the heap keeps the room of the large ones below it.
_HOLES = """
import psutil
from chatsphere.core.allocator import give_large_blocks_back
if {gives_back}:
    give_large_blocks_back()
own = lambda: psutil.Process().memory_info().rss >> 20
before, kept = own(), []
for megabytes in range(4, 0, -1):
    large = [b"x" * (megabytes << 20) for _ in range(10)]
    kept += [b"x" * 100_000 for _ in range(30)]
    del large
print(own() - before - len(kept) * 100_000 // 2**20)
"""


def left(*, gives_back: bool) -> int:
    """Megabytes that a process has more than before."""
    code = _HOLES.format(gives_back=gives_back)
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other allocators")
def test_large_blocks_leave_no_holes() -> None:
    assert left(gives_back=True) < 5
