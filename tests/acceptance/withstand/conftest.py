"""A platform of one's own for each drill, on a PostgreSQL and a Redis that the drill may break."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.redis import RedisServer
from chatsphere.embedded.stack import Stack
from tests.acceptance.conftest import Account, clean_environment, free_port
from tests.acceptance.withstand.traffic import PATIENCE, Traffic

ROOT = Path(__file__).resolve().parents[3]
_NOT_READY = (
    "SELECT status, count(*) FROM training_trainingsource WHERE id = ANY (%(ids)s) AND status <> 'ready' GROUP BY 1"
)
_SOURCES = "SELECT count(*) FROM training_trainingsource WHERE id = ANY (%(ids)s)"
_ANSWERS = "SELECT count(*) FROM conversations_message WHERE id = ANY (%(ids)s) AND state = 'complete'"
_METERED = "SELECT count(DISTINCT message_id), count(*) FROM users_usagerecord WHERE message_id = ANY (%(ids)s)"


@dataclass
class House:
    """A running platform and the servers below it."""

    folder: Path
    postgres: PostgresServer
    redis: RedisServer
    stack: Stack
    environ: Mapping[str, str]

    def ask(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def tell(self, statement: str) -> None:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def account(self) -> Account:
        """A new owner with a chatbot that knows one thing."""
        http = httpx2.Client(base_url=self.stack.url, trust_env=False, timeout=60)
        person = {"email": f"{os.urandom(6).hex()}@example.com", "password": "a-Long-Passphrase-9"}
        registered = http.post("/api/v1/auth/register/", json=person)
        assert registered.status_code == 201, registered.text
        token = registered.json()["access"]
        http.headers["Authorization"] = f"Bearer {token}"
        account = Account(http, token, self.stack.url, http.post("/api/v1/chatbots/", json={"name": "Help"}).json())
        account.wait(account.add_text("Hours", "The house is open at nine."))
        return account

    def traffic(self, account: Account) -> Traffic:
        return Traffic(self.stack.url, account.token, str(account.chatbot["id"]))

    def nothing_lost(self, traffic: Traffic) -> str:
        """Every source that was taken in is ready within PATIENCE, every answer that was given is stored and booked once."""
        deadline = time.monotonic() + PATIENCE
        while left := self.ask(_NOT_READY, ids=traffic.sources):
            assert time.monotonic() < deadline, f"sources that were taken in are not trained: {left}; {self.log()}"
            time.sleep(0.2)
        sources = self.ask(_SOURCES, ids=traffic.sources)[0][0]
        answers = self.ask(_ANSWERS, ids=traffic.answers)[0][0]
        booked, lines = self.ask(_METERED, ids=traffic.answers)[0]
        assert sources == len(traffic.sources), f"{len(traffic.sources)} sources were taken in, {sources} are there"
        assert answers == len(traffic.answers), f"{len(traffic.answers)} answers were given, {answers} are stored"
        assert booked == lines == len(traffic.answers), f"of {answers} answers {booked} are booked, in {lines} lines"
        return f"nothing of {sources} sources, {answers} answers"

    def reconciled(self) -> None:
        """Rows, words and vectors belong together."""
        command = [sys.executable, "manage.py", "reconcile"]
        environ = {**self.environ, "CHATSPHERE_ENV": "development"}
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def log(self) -> str:
        return self.stack.log_file.read_text(errors="replace")[-3000:]


Build = Callable[..., House]


@pytest.fixture
def build() -> Iterator[Build]:
    """``build(postgres={...options}, **environment)``: a house that ends with the test."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="withstand-"))
        folder.chmod(0o755)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)

        def make(*, postgres: Mapping[str, str] | None = None, **environment: str) -> House:
            database = PostgresServer(folder / "p", extra_options=postgres or {})
            redis = RedisServer(folder / "r")
            stack.callback(database.stop)
            database.start()
            stack.callback(redis.stop)
            redis.start()
            environ = clean_environment(
                DATABASE_URL=database.url, REDIS_URL=redis.url, EMBEDDING_MODEL="hashing:256",
                RATE_LIMITS_ENABLED="false", ACCESS_TOKEN_SECONDS="900", **environment,
            )  # fmt: skip
            running = Stack(folder / "data", port=free_port(), environ=environ, log_file=folder / "stack.log")
            stack.callback(running.stop)
            running.start()
            running.wait_ready(400)
            return House(folder, database, redis, running, environ)

        yield make


@pytest.fixture
def house(build: Build) -> House:
    return build()


def well_again(house: House, traffic: Traffic, event: str, since: float) -> None:
    """Everybody is served within PATIENCE after it was over, nobody saw anything undeclared, nothing is lost; prints the drill's figures."""
    seconds = traffic.wait_well(since)
    traffic.__exit__()
    assert not traffic.undeclared(), f"{event}: users saw {traffic.undeclared()[:5]} of {traffic.told()}"
    assert seconds <= PATIENCE, (
        f"{event}: users were served again only after {seconds:.1f} s; they saw {traffic.told()}"
    )
    lost = house.nothing_lost(traffic)
    settled = time.monotonic() - since
    print(
        f"\nWITHSTAND | {event} | users saw {traffic.failures()} | lost: {lost} | served {seconds:.1f} s after, all trained {settled:.1f} s after"
    )
