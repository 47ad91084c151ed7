"""One running platform for all acceptance tests, started as a user does it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

CHATSPHERE = Path(sys.executable).with_name("chatsphere")
NOT_INHERITED = (
    "DATABASE_URL",
    "REDIS_URL",
    "DJANGO_SETTINGS_MODULE",
    "EMBEDDING_MODEL",
    "CHATSPHERE_DATA_DIR",
    "CHATSPHERE_ENV",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment(**changes: str) -> dict[str, str]:
    """The environment of a newcomer: without the test session's own servers."""
    return {name: value for name, value in os.environ.items() if name not in NOT_INHERITED} | changes


@dataclass(frozen=True)
class Platform:
    """A running `chatsphere up`."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def wait_ready(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            try:
                if httpx2.get(f"{self.url}/readyz", trust_env=False).status_code == 200:
                    return
            except httpx2.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"not ready after {seconds} s:\n{self.log.read_text()[-4000:]}")


@contextmanager
def running_platform(folder: Path, *options: str, seconds: float = 60, **environment: str) -> Iterator[Platform]:
    """`chatsphere up` with ``options`` in a fresh data directory below ``folder``, ready."""
    port, log = free_port(), folder / "up.log"
    command = [str(CHATSPHERE), "up", *options, "--port", str(port), "--data-dir", str(folder / "data")]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=clean_environment(**environment), stdout=out, stderr=subprocess.STDOUT)
    running = Platform(f"http://127.0.0.1:{port}", log, process)
    try:
        running.wait_ready(seconds)
        yield running
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`chatsphere up` in a fresh data directory; limits off, so that tests may hurry."""
    with running_platform(tmp_path_factory.mktemp("platform"), RATE_LIMITS_ENABLED="false") as running:
        yield running


@dataclass(frozen=True)
class Account:
    """A registered person with a chatbot, as an HTTP client."""

    http: httpx2.Client
    token: str
    url: str
    chatbot: dict[str, Any]

    def upload(self, *files: tuple[str, bytes]) -> list[dict[str, Any]]:
        answer = self.http.post(
            f"/api/v1/chatbots/{self.chatbot['id']}/sources/",
            data={"source_type": "file"},
            files=[("file", file) for file in files],
        )
        assert answer.status_code == 202, answer.text
        body = answer.json()
        return body if isinstance(body, list) else [body]

    def wait(self, source_id: str, seconds: float = 60) -> dict[str, Any]:
        """The source once nothing more happens to it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            source: dict[str, Any] = self.http.get(f"/api/v1/sources/{source_id}/").json()
            if source["status"] in ("ready", "partial", "failed", "cancelled"):
                return source
            time.sleep(0.2)
        raise AssertionError(f"still {source['status']} after {seconds} s: {source}")

    def add_text(self, name: str, content: str) -> str:
        """The id of a new text source."""
        source = {"source_type": "text", "name": name, "content": content}
        answer = self.http.post(f"/api/v1/chatbots/{self.chatbot['id']}/sources/", json=source)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def secret_key(self, *scopes: str) -> str:
        """A new API key for servers; without scopes one that may read, train and ask."""
        chosen = scopes or ("chatbots:read", "sources:read", "sources:write", "chat")
        answer = self.http.post("/api/v1/api-keys/", json={"name": "server", "scopes": list(chosen)})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["secret"])

    def search(self, query: str) -> list[dict[str, Any]]:
        answer = self.http.post(f"/api/v1/chatbots/{self.chatbot['id']}/search/", json={"query": query})
        assert answer.status_code == 200, answer.text
        results: list[dict[str, Any]] = answer.json()["results"]
        return results

    def ask(self, message: str, **more: Any) -> dict[str, Any]:
        answer = self.http.post(f"/api/v1/chatbots/{self.chatbot['id']}/chat/", json={"message": message, **more})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture
def account(platform: Platform) -> Iterator[Account]:
    """A fresh account with a fresh chatbot."""
    with httpx2.Client(base_url=platform.url, trust_env=False, timeout=30) as http:
        email = f"{os.urandom(6).hex()}@example.com"
        registered = http.post("/api/v1/auth/register/", json={"email": email, "password": "a-Long-Passphrase-9"})
        assert registered.status_code == 201, registered.text
        token = registered.json()["access"]
        http.headers["Authorization"] = f"Bearer {token}"
        made = http.post("/api/v1/chatbots/", json={"name": "Help desk"})
        assert made.status_code == 201, made.text
        yield Account(http, token, platform.url, made.json())
