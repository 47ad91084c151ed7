"""``chatsphere up --local-model`` as somebody without a key uses it: llama.cpp and a small model answer from the sources."""

from __future__ import annotations

import json
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chatsphere.services.ai.local_chat_server import find_model
from chatsphere.services.errors import EngineMisconfigured
from tests.acceptance.conftest import CHATSPHERE, clean_environment, free_port
from tests.acceptance.deployment import Person, join

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def _model() -> Path:
    if find_spec("xllamacpp") is None:
        pytest.skip("the extra `local-model` is not installed: make local-model")
    try:
        return find_model(None)
    except EngineMisconfigured as missing:
        pytest.skip(str(missing))


def test_a_model_of_this_machine_answers_from_the_sources(tmp_path: Path) -> None:
    model, port = _model(), free_port()
    command: list[str | Path] = [
        CHATSPHERE,
        "up",
        "--local-model",
        "--port",
        str(port),
        "--data-dir",
        tmp_path / "data",
    ]
    with (tmp_path / "up.log").open("wb") as log:
        running = subprocess.Popen(command, env=clean_environment(), stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_ready(port, running, tmp_path / "up.log")
            _ask(join(f"http://127.0.0.1:{port}"), model)
        finally:
            running.terminate()
            running.wait(90)


def _ask(person: Person, model: Path) -> None:
    path = f"/api/v1/chatbots/{person.chatbot}/"
    question = {"message": "What does a lost library card cost?", "stream": True}
    with person.client() as http:
        events = []
        with http.stream("POST", f"{path}chat/", json=question, timeout=300) as got:
            assert got.status_code == 200
            for line in got.iter_lines():
                if line.startswith("event:"):
                    events.append(line[6:].strip())
                elif line.startswith("data:"):
                    told: dict[str, Any] = json.loads(line[5:])
        assert events[0] == "message.created"
        assert events[-1] == "message.completed", told
        assert "message.delta" in events
        answer = told["message"]
        assert answer["model"].startswith("local-model:")
        assert model.stem in answer["model"]
        assert answer["content"].strip()
        assert answer["usage"]["completion_tokens"] > 0
        # A small model may forget to cite; what it cites must be there.
        numbers = {each["index"] for each in answer["citations"]}
        assert all(f"[{number}]" in answer["content"] for number in numbers)
        print(f"\n{answer['model']}: {answer['content']!r}, {answer['usage']}, citations {sorted(numbers)}")
        far = http.post(f"{path}chat/", json={"message": "Who won the chess championship of 1972?"}, timeout=300).json()
        assert far["message"]["finish_reason"] == "refused_no_context"


def _wait_ready(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(3_000):
        assert running.poll() is None, log.read_text()[-3000:]
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])
