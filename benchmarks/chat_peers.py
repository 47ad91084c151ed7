"""The virtual environment of the hand-written application that bench-chat runs beside ChatSphere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

PACKAGES = (
    "fastapi==0.165.0",
    "uvicorn==0.54.0",
    "llama-index-core==0.14.25",
    "llama-index-llms-openai-like==0.8.1",
    "llama-index-embeddings-openai==0.7.0",
)


def python_of_peers() -> Path | None:
    """The interpreter of that environment, made on first use (two minutes, 700 MB); None, with the reason printed, when it cannot be made."""
    key = hashlib.sha256("\n".join(PACKAGES).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "chatsphere-bench" / f"llamaindex-{key}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    uv = str(Path(sys.executable).with_name("uv"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        [uv, "venv", "-q", "--clear", str(folder)],
        [uv, "pip", "install", "-q", "--python", str(python), *PACKAGES],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"Without the LlamaIndex application: {done.stderr.strip()[-300:]}")
            return None
    (folder / "complete").touch()
    return python
