"""The local chat model: a real llama.cpp server and a real, very small model, asked through the same engine as any provider."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from chatsphere.services.ai import local_chat_server
from chatsphere.services.ai.local_chat_server import KEY, find_model
from chatsphere.services.ai.openai import Connection, OpenAIChatModel, Timeouts
from chatsphere.services.errors import EngineMisconfigured, UpstreamRejected
from chatsphere.services.types import ChatDone, ChatPrompt, TextDelta


def test_what_is_missing_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local_chat_server, "find_spec", lambda _name: None)
    with pytest.raises(EngineMisconfigured, match=r"chatsphere\[local-model\]"):
        find_model(None)


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local_chat_server, "find_spec", lambda name: object() if name == "xllamacpp" else None)
    with pytest.raises(EngineMisconfigured, match=r"no model file .*gone\.gguf"):
        find_model(tmp_path / "gone.gguf")
    with pytest.raises(EngineMisconfigured, match="Give a GGUF file"):
        find_model(None)
    (tmp_path / "own.gguf").touch()
    assert find_model(tmp_path / "own.gguf") == tmp_path / "own.gguf"


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    pytest.importorskip("xllamacpp", reason="the extra `local-model` is not installed")
    try:
        model = find_model(None)
    except EngineMisconfigured as missing:
        pytest.skip(str(missing))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", local_chat_server.__name__, "--port", str(port), "--model", str(model)]
    process = subprocess.Popen(command, env={**os.environ, KEY: "secret"})
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1_200):
        assert process.poll() is None, "the server ended"
        try:
            with urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the model was not loaded in time")


PATIENT = Timeouts(first_token=120, between_tokens=60, total=180)
PROMPT = ChatPrompt("Say hello.", (), max_output_tokens=12)


async def test_it_answers_through_the_engine_of_every_provider(base_url: str) -> None:
    model = OpenAIChatModel("any", Connection("secret", base_url, PATIENT), label="local-model")
    events = [event async for event in model.stream(PROMPT)]
    await model.aclose()
    assert "".join(event.text for event in events if isinstance(event, TextDelta)).strip()
    done = events[-1]
    assert isinstance(done, ChatDone)
    assert not done.usage.is_estimated
    assert 0 < done.usage.completion_tokens <= 12 < done.usage.prompt_tokens


async def test_nobody_asks_it_without_the_key(base_url: str) -> None:
    model = OpenAIChatModel("any", Connection("other", base_url, PATIENT))
    with pytest.raises(UpstreamRejected, match="401"):
        [event async for event in model.stream(PROMPT)]
    await model.aclose()
