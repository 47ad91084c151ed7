"""``chatsphere up --local-model`` as somebody without a key uses it: llama.cpp and a small model answer from the sources."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from chatsphere.services.ai.local_chat_server import find_model
from chatsphere.services.errors import EngineMisconfigured
from tests.acceptance.conftest import running_platform
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
    model = _model()
    with running_platform(tmp_path, "--local-model", seconds=300) as running:
        _ask(join(running.url), model)


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
