"""Virtual environments of the programs that run beside ChatSphere, so that what they need never meets what ChatSphere needs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path


def interpreter_with(name: str, packages: tuple[str, ...]) -> Path | str:
    """The interpreter of an environment with these pinned packages, or why it cannot be made.

    It is made on first use, in the cache folder of the person, and once more when the packages change.
    """
    key = hashlib.sha256("\n".join(packages).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "chatsphere-bench" / f"{name}-{key}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    uv = str(Path(sys.executable).with_name("uv"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        [uv, "venv", "-q", "--clear", str(folder)],
        [uv, "pip", "install", "-q", "--python", str(python), *packages],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"it cannot be installed: {done.stderr.strip()[-300:]}"
    (folder / "complete").touch()
    return python
