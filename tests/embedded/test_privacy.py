"""The embedded model works for its owner alone: it reports to nobody and leaves nothing outside the data directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_loading_the_model_library_writes_no_device_id(folder: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environ |= {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    subprocess.run([sys.executable, "-c", "import chatsphere.services.ai.local_model"], env=environ, check=True)
    assert list(folder.rglob("*")) == []
