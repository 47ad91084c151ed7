"""Web, workers, beat and embedder as processes of their own, as containers run them; and what `chatsphere check` says before."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.redis import RedisServer
from tests.acceptance.conftest import CHATSPHERE, clean_environment, free_port

PROCESSES = (("worker", "ingest"), ("worker", "default"), ("beat",))


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(CHATSPHERE), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Servers that somebody else runs, and the secrets of `chatsphere createkey --env`."""
    with ExitStack() as servers:
        postgres = PostgresServer(tmp_path / "postgres")
        servers.callback(postgres.stop)
        postgres.start()
        redis = RedisServer(tmp_path / "redis")
        servers.callback(redis.stop)
        redis.start()
        made = run(clean_environment(), "createkey", "--env").stdout
        secrets = dict(line.split("=", 1) for line in made.splitlines())
        yield clean_environment(
            **secrets,
            DATABASE_URL=postgres.url,
            REDIS_URL=redis.url,
            EMBEDDER_SOCKET=str(tmp_path / "embedder.sock"),
            CHATSPHERE_DATA_DIR=str(tmp_path / "data"),
            RATE_LIMITS_ENABLED="false",
        )


def test_check_names_every_weak_secret_at_once_and_exits_with_1() -> None:
    checked = run(clean_environment(SECRET_KEY="changeme", ALLOWED_HOSTS="*"), "check", "--offline")
    assert checked.returncode == 1
    for name in ("SECRET_KEY", "JWT_SIGNING_KEY", "ENCRYPTION_KEYS", "ALLOWED_HOSTS"):
        assert f"- {name}: " in checked.stderr
    assert "changeme" not in checked.stderr + checked.stdout


def test_createkey_makes_secrets_that_production_accepts() -> None:
    made = run(clean_environment(), "createkey", "--env").stdout
    secrets = dict(line.split("=", 1) for line in made.splitlines())
    checked = run(clean_environment(**secrets), "check", "--offline")
    assert checked.returncode == 0, checked.stderr
    assert "ok    settings: production" in checked.stdout


def test_check_tells_what_to_do_about_servers_that_do_not_answer(tmp_path: Path) -> None:
    nowhere = clean_environment(
        CHATSPHERE_ENV="development",
        DATABASE_URL=f"postgresql://chatsphere@127.0.0.1:{free_port()}/chatsphere",
        REDIS_URL=f"redis://127.0.0.1:{free_port()}/0",
        EMBEDDING_MODEL="hashing:256",
        CHATSPHERE_DATA_DIR=str(tmp_path),
    )
    checked = run(nowhere, "check")
    assert checked.returncode == 1
    assert "FAIL  database: DATABASE_URL does not answer" in checked.stdout
    assert "FAIL  redis: REDIS_URL does not answer" in checked.stdout
    assert "ok    uploads: " in checked.stdout


@pytest.mark.slow
def test_processes_on_their_own_train_and_answer(environment: dict[str, str], tmp_path: Path) -> None:
    before = run(environment, "check")
    assert "FAIL  migrations:" in before.stdout
    assert "run `chatsphere migrate`" in before.stdout
    assert run(environment, "migrate").returncode == 0
    port = free_port()
    with ExitStack() as running:
        start(running, environment, tmp_path, "embedder", "--socket", environment["EMBEDDER_SOCKET"])
        start(running, environment, tmp_path, "web", "--port", str(port))
        for arguments in PROCESSES:
            start(running, environment, tmp_path, *arguments)
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http:
            wait_ready(http, tmp_path)
            after = run(environment, "check")
            assert after.returncode == 0, after.stdout
            answer = train_and_ask(http)
    assert "four euros and fifty cents" in answer["message"]["content"]
    assert answer["message"]["citations"]


def start(running: ExitStack, environment: dict[str, str], folder: Path, *arguments: str) -> None:
    log = running.enter_context((folder / f"{'-'.join(arguments[:2]).replace('/', '')}.log").open("wb"))
    process = subprocess.Popen([str(CHATSPHERE), *arguments], env=environment, stdout=log, stderr=subprocess.STDOUT)
    running.callback(process.wait, 40)
    running.callback(process.terminate)


def wait_ready(http: httpx2.Client, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if http.get("/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.3)
    raise AssertionError("\n".join(log.read_text() for log in folder.glob("*.log")))


def train_and_ask(http: httpx2.Client) -> dict[str, dict[str, object]]:
    registered = http.post("/api/v1/auth/register/", json={"email": "a@example.com", "password": "a-Long-Passphrase-9"})
    http.headers["Authorization"] = f"Bearer {registered.json()['access']}"
    chatbot = http.post("/api/v1/chatbots/", json={"name": "Library"}).json()["id"]
    text = "A lost library card costs four euros and fifty cents."
    body = {"source_type": "text", "name": "Fees", "content": text}
    source = http.post(f"/api/v1/chatbots/{chatbot}/sources/", json=body).json()["id"]
    deadline = time.monotonic() + 60
    while http.get(f"/api/v1/sources/{source}/").json()["status"] != "ready":
        assert time.monotonic() < deadline
        time.sleep(0.3)
    question = {"message": "What does a lost library card cost?"}
    answered: dict[str, dict[str, object]] = http.post(f"/api/v1/chatbots/{chatbot}/chat/", json=question).json()
    return answered
