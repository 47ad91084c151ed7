"""A control group whose processes the kernel kills when they take more memory than it has."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemoryGroup:
    """``version`` 1 or 2 of the kernel's interface. What a process had when it was put in counts where it was before."""

    folder: Path
    version: int

    def put(self, pid: int) -> None:
        (self.folder / "cgroup.procs").write_text(str(pid))

    def kills(self) -> int:
        """How often the kernel has killed here for want of memory."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        words = dict(line.split() for line in (self.folder / name).read_text().splitlines())
        return int(words["oom_kill"])


@contextmanager
def memory_group(limit: int) -> Iterator[MemoryGroup]:
    """Of ``limit`` bytes; skips the test where no group can be made (it takes root, and the controller `memory`)."""
    group = _made(f"chatsphere-test-{time.monotonic_ns()}", limit)
    if group is None:
        pytest.skip("no control group for memory can be made here")
    try:
        yield group
    finally:
        _remove(group.folder)


def _made(name: str, limit: int) -> MemoryGroup | None:
    for parent, version, setting in ((ROOT, 2, "memory.max"), (ROOT / "memory", 1, "memory.limit_in_bytes")):
        folder = parent / name
        try:
            folder.mkdir()
            if (folder / setting).exists():
                (folder / setting).write_text(str(limit))
                return MemoryGroup(folder, version)
            folder.rmdir()
        except OSError:
            continue
    return None


def _remove(folder: Path) -> None:
    """Once its processes have ended, which takes a moment."""
    for _time in range(100):
        try:
            folder.rmdir()
            return
        except OSError:
            time.sleep(0.1)
