"""SIGTERM while answers are streamed: short ones finish, long ones are closed, each with one end that is stored."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chatsphere.embedded.stack import Stack
from tests.stubs.openai_stub import Settings, default_tokens, running_stub

NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "CHATSPHERE_ENV", "CHATSPHERE_DATA_DIR")
ENDS = ("event: message.completed", "event: error")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]


def make_stack(data_dir: Path, port: int, model: str) -> Stack:
    environ = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    models = {"EMBEDDING_MODEL": "hashing:256", "CHAT_MODEL": "openai:stub", "OPENAI_BASE_URL": model}
    return Stack(data_dir, port=port, environ=environ | models | {"OPENAI_API_KEY": "sk-stub"})


@contextmanager
def person(stack: Stack, door: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=stack.url, trust_env=False, timeout=60) as http:
        who = {"email": "reader@example.com", "password": "a-Long-Passphrase-9"}
        answer = http.post(f"/api/v1/auth/{door}/", json=who)
        assert answer.is_success, answer.text
        http.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        yield http


def trained_chatbot(http: httpx2.Client) -> str:
    chatbot: str = http.post("/api/v1/chatbots/", json={"name": "Help desk"}).json()["id"]
    text = {"source_type": "text", "name": "Chargers", "content": "The spare chargers are kept in locker B-17."}
    answer = http.post(f"/api/v1/chatbots/{chatbot}/sources/", json=text)
    assert answer.status_code == 202, answer.text
    source = answer.json()["id"]
    deadline = time.monotonic() + 60
    while http.get(f"/api/v1/sources/{source}/").json()["status"] != "ready":
        assert time.monotonic() < deadline, "the source did not become ready"
        time.sleep(0.2)
    return chatbot


def lines_of_stream(http: httpx2.Client, chatbot: str, has_begun: threading.Event) -> list[str]:
    lines = []
    question = {"message": "Where are the spare chargers kept?", "stream": True}
    with http.stream("POST", f"/api/v1/chatbots/{chatbot}/chat/", json=question) as got:
        for line in got.iter_lines():
            lines.append(line)
            if line == "event: message.delta":
                has_begun.set()
    return lines


def ends(lines: list[str]) -> list[str]:
    return [line for line in lines if line in ENDS]


def message_id(lines: list[str]) -> str:
    [data] = [lines[place + 1] for place, line in enumerate(lines) if line == "event: message.created"]
    created: dict[str, Any] = httpx2.Response(200, text=data.removeprefix("data: ")).json()
    return str(created["message_id"])


@pytest.mark.parametrize(("seconds", "end"), [(5, "event: message.completed"), (120, "event: error")])
def test_an_answer_in_the_making_ends_once_and_before_the_process(
    seconds: int, end: str, folder: Path, free_port: Callable[[], int]
) -> None:
    settings = Settings(tokens=default_tokens(seconds * 10), tokens_per_second=10)
    with running_stub(settings) as (_, model):
        stack = make_stack(folder / "data", free_port(), model)
        has_begun = threading.Event()
        with stack, person(stack, "register") as http, ThreadPoolExecutor() as threads:
            stream = threads.submit(lines_of_stream, http, trained_chatbot(http), has_begun)
            assert has_begun.wait(30)
            began = time.monotonic()
            stack.stop()
            took = time.monotonic() - began
            lines = stream.result(5)
        assert ends(lines) == [end]
        log = stack.log_file.read_text()
        assert took < 30
        assert "is killed" not in log
        assert "Killing worker" not in log
        # What was streamed is what was stored: after the next start the stream can be read again, to the same end.
        with stack, person(stack, "token") as http:
            again = http.get(f"/api/v1/messages/{message_id(lines)}/events/", headers={"Last-Event-ID": "1"})
        assert ends(again.text.split("\n")) == [end]
        number = [line for line in lines if line.startswith("id: ")][-1]
        assert [line for line in again.text.split("\n") if line.startswith("id: ")][-1] == number
