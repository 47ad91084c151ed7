"""PostgreSQL and Redis are stopped and started again in the middle of training: nothing is lost, nothing stands twice, nothing stays stuck."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.redis import RedisServer
from tests.acceptance.conftest import CHATSPHERE, Platform, clean_environment, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = 480
STUCK = 60.0  # seconds after which a source that is not ready counts as stuck
_STATES = "SELECT status, count(*) FROM training_trainingsource GROUP BY status"
_DOUBLES = {
    "a version of each document": "SELECT count(*) FROM training_documentversion",
    "a finished run of each source": "SELECT count(*) FROM training_run WHERE state = 'succeeded'",
    "an event of each source": "SELECT count(*) FROM webhooks_event WHERE type = 'source.ready'",
    "each place once": "SELECT count(DISTINCT (document_version_id, ordinal)) - count(*) + %(documents)s FROM training_placement",
    "a vector of each text": (
        "SELECT (SELECT count(*) FROM training_embedding) - count(*) + %(documents)s FROM training_chunktext"
    ),
    "the words of each text": (
        "SELECT (SELECT count(*) FROM training_chunkterms) - count(*) + %(documents)s FROM training_chunktext"
    ),
}


@dataclass(frozen=True)
class House:
    postgres: PostgresServer
    redis: RedisServer
    platform: Platform

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url) as connection:
            return connection.execute(statement.encode(), {"documents": DOCUMENTS}).fetchall()

    def ready(self) -> int:
        return int(dict(self.ask(_STATES)).get("ready", 0))

    def wait_until_ready(self, count: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.ready() < count:
            assert time.monotonic() < deadline, (self.ask(_STATES), self.platform.log.read_text()[-3000:])
            time.sleep(0.05)


@pytest.fixture
def house() -> Iterator[House]:
    """The platform on a PostgreSQL and a Redis that this test may stop."""
    folder = Path(tempfile.mkdtemp(prefix="restarts-"))
    folder.chmod(0o755)
    postgres, redis = PostgresServer(folder / "p"), RedisServer(folder / "r")
    postgres.start()
    redis.start()
    port, log = free_port(), folder / "up.log"
    environment = clean_environment(
        DATABASE_URL=postgres.url, REDIS_URL=redis.url, EMBEDDING_MODEL="hashing:256", RATE_LIMITS_ENABLED="false"
    )
    command = [str(CHATSPHERE), "up", "--port", str(port), "--data-dir", str(folder / "data")]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    running = Platform(f"http://127.0.0.1:{port}", log, process)
    try:
        running.wait_ready(90)
        yield House(postgres, redis, running)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        redis.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def queue(house: House) -> Iterator[Callable[[range], None]]:
    """Uploads documents by their numbers to one chatbot."""
    with httpx2.Client(base_url=house.platform.url, trust_env=False, timeout=60) as http:
        person = {"email": f"{os.urandom(6).hex()}@example.com", "password": "a-Long-Passphrase-9"}
        http.headers["Authorization"] = f"Bearer {http.post('/api/v1/auth/register/', json=person).json()['access']}"
        chatbot = http.post("/api/v1/chatbots/", json={"name": "Help"}).json()["id"]

        def upload(numbers: range) -> None:
            for start in range(numbers.start, numbers.stop, 20):
                files = [("file", (f"{number}.md", text(number))) for number in range(start, start + 20)]
                path = f"/api/v1/chatbots/{chatbot}/sources/"
                http.post(path, data={"source_type": "file"}, files=files).raise_for_status()

        yield upload


def text(number: int) -> bytes:
    words = " ".join(["filler"] * 90)
    parts = [f"## Part {n}\n\nDocument{number} part{n} speaks of topic{number}x{n}. {words}." for n in range(60)]
    return "\n\n".join([f"# Document {number}", *parts]).encode()


def assert_nothing_lost_nothing_twice(house: House) -> None:
    counts = {name: house.ask(statement)[0][0] for name, statement in _DOUBLES.items()}
    assert set(counts.values()) == {DOCUMENTS}, counts
    environment = clean_environment(DATABASE_URL=house.postgres.url, REDIS_URL=house.redis.url)
    command = [sys.executable, "manage.py", "reconcile"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_training_goes_on_though_postgresql_is_restarted(house: House, queue: Callable[[range], None]) -> None:
    queue(range(DOCUMENTS))
    for goal in (1, 40):
        house.wait_until_ready(goal, 90)
        left = DOCUMENTS - house.ready()
        assert left > 0, "all was done before anything was restarted"
        house.postgres.stop()
        time.sleep(2)
        house.postgres.start()
    all_becomes_ready(house, left)


def test_training_goes_on_though_redis_is_restarted(house: House, queue: Callable[[range], None]) -> None:
    """While it is away documents are taken in, and workers finish what they have begun; whatever nobody was told of is found by the sweep."""
    queue(range(DOCUMENTS // 2))
    house.wait_until_ready(1, 90)
    house.redis.stop()
    queue(range(DOCUMENTS // 2, DOCUMENTS))
    time.sleep(0.5)
    left = DOCUMENTS - house.ready()
    assert left > 0, "all was done before Redis was back"
    house.redis.start()
    all_becomes_ready(house, left)


def all_becomes_ready(house: House, left: int) -> None:
    begun = time.monotonic()
    house.wait_until_ready(DOCUMENTS, STUCK)
    print(f"{left} documents were left; all were ready {time.monotonic() - begun:.1f} s after the last restart")
    assert_nothing_lost_nothing_twice(house)
