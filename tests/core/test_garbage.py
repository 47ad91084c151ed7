"""The collector leaves alone what imports made, and still collects what requests leave behind."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, weakref
from chatsphere.core.garbage import YOUNG, spare_what_stays
spare_what_stays()
assert gc.get_freeze_count() > 1_000
assert gc.get_threshold()[0] == YOUNG
class Ring: pass
ring = Ring(); ring.itself = ring; gone = weakref.ref(ring); del ring
made = [[] for _ in range(YOUNG * 2)]
assert gone() is None, "cycles are collected without being asked for"
"""


def test_what_stays_is_spared_and_what_goes_is_collected() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
