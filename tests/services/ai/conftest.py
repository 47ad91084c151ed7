"""What the tests of models share: passages, a real embedder server, a stub of a provider."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from chatsphere.services.types import SearchHit
from tests.stubs.openai_stub import OpenAIStub, running_stub


@pytest.fixture
def passage() -> Callable[..., SearchHit]:
    def make(text: str, *, number: int = 1, title: str = "Handbook", char_start: int = 0) -> SearchHit:
        one = UUID(int=number)
        return SearchHit(
            one,
            one,
            one,
            title,
            "",
            None,
            (),
            text,
            char_start,
            char_start + len(text),
            dense=0.6,
            sparse=5.0,
            fused=1.0,
        )

    return make


@pytest.fixture
def provider() -> Iterator[tuple[OpenAIStub, str]]:
    with running_stub() as stub:
        yield stub


def start_embedder(path: Path) -> subprocess.Popen[str]:
    """The server as users start it, ready to be asked."""
    command = [sys.executable, "-m", "chatsphere.services.ai.embedder_server", "--socket", str(path), "--threads", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def stop_embedder(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    return process.returncode


@pytest.fixture(scope="session")
def embedder_socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "embedder.sock"
        process = start_embedder(path)
        yield path
        assert stop_embedder(process) == 0
