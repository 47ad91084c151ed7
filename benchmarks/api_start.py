"""Cold starts: how long until somebody is served, from the moment the command is given.

A web process of servers that run already (five times, the median), and ``chatsphere up`` with all that belongs to it: on an empty folder
(a database is made and migrated) and once more on the same one. Code and libraries lie in the file cache, as after an installation.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.request import urlopen

from benchmarks.chat import _process

PORT = 9322
CHATSPHERE = str(Path(sys.executable).with_name("chatsphere"))
TIMES = 5
LONGEST = 300.0


def show_starts(environment: Mapping[str, str]) -> None:
    """Print both; ``environment`` names servers that run and are migrated."""
    web = [CHATSPHERE, "web", "--port", str(PORT)]
    found = [_seconds(web, {**environment, "WEB_CONCURRENCY": "1"}) for _time in range(TIMES)]
    print(
        f"cold start of a web process: {statistics.median(found):.1f} s (of {TIMES}: {min(found):.1f} to {max(found):.1f})"
    )
    own = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with tempfile.TemporaryDirectory(prefix="chatsphere-start-") as folder:
        up = [CHATSPHERE, "up", "--port", str(PORT), "--data-dir", folder]
        first, second = _seconds(up, own), _seconds(up, own)
    print(f"chatsphere up until it is ready: {first:.1f} s on an empty folder, {second:.1f} s on one that is there")


def _seconds(command: list[str], environment: Mapping[str, str]) -> float:
    began = time.perf_counter()
    with _process(command, environment):
        while not _is_ready():
            if time.perf_counter() - began > LONGEST:
                raise SystemExit(f"{' '.join(command)} is not ready after {LONGEST:.0f} s")
            time.sleep(0.02)
        return time.perf_counter() - began


def _is_ready() -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
