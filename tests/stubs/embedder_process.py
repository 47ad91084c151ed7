"""The real embedder server, started as the platform starts it."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def start_embedder(path: Path, model: str = "") -> subprocess.Popen[str]:
    """Returns when the server is ready to be asked."""
    command = [sys.executable, "-m", "chatsphere.services.ai.embedder_server", "--socket", str(path), "--threads", "2"]
    command += ["--model", model] if model else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def stop_embedder(process: subprocess.Popen[str]) -> int:
    """Ends it as the supervisor does; gives its exit code."""
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    return process.returncode


@contextmanager
def running_embedder(model: str = "") -> Iterator[Path]:
    """A server for the length of the block; gives its socket."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "embedder.sock"
        process = start_embedder(path, model)
        try:
            yield path
        finally:
            code = stop_embedder(process)
        assert code == 0
