"""The clock is set two hours forward, and back again, under database, Redis, web, workers and beat."""

from __future__ import annotations

import shutil
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from chatsphere.embedded import processes
from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.redis import RedisServer
from tests.acceptance.conftest import Account
from tests.acceptance.withstand import conftest
from tests.acceptance.withstand.conftest import Build, House, well_again
from tests.acceptance.withstand.traffic import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SOURCE = Path(__file__).with_name("clock.c")
HOURS = 2 * 3600.0
BEFORE = 5.0


class Clock:
    """What processes that loaded ``clock.c`` take for the time of day; the monotonic clock stays true."""

    def __init__(self, folder: Path) -> None:
        library, self._file = folder / "clock.so", folder / "shift"
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)]
        subprocess.run(command, check=True, capture_output=True)
        self.set(0)
        self._file.chmod(0o644)
        library.chmod(0o755)
        self.environment = {"LD_PRELOAD": str(library), "DRILL_CLOCK": str(self._file)}

    def set(self, seconds: float) -> None:
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("d", seconds))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """A clock for PostgreSQL, Redis and all of the platform."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler to make a clock that can be set")
    folder = Path(tempfile.mkdtemp(prefix="clock-"))
    folder.chmod(0o755)  # PostgreSQL's user must be able to read it
    made = Clock(folder)

    class Postgres(PostgresServer):
        def _program(self, *arguments: Any, **more: Any) -> processes.Command:
            return _with(super()._program(*arguments, **more), made)

    class Redis(RedisServer):
        def command(self) -> processes.Command:
            return _with(super().command(), made)

    monkeypatch.setattr(conftest, "PostgresServer", Postgres)
    monkeypatch.setattr(conftest, "RedisServer", Redis)
    yield made
    shutil.rmtree(folder, ignore_errors=True)


def _with(command: processes.Command, clock: Clock) -> processes.Command:
    return replace(command, environment={**command.environment, **clock.environment})


def _key_for(account: Account) -> str:
    return account.secret_key("chatbots:read", "sources:read", "sources:write", "chat")


def _database_offset(house: House) -> float:
    return float(house.ask("SELECT extract(epoch FROM clock_timestamp())")[0][0]) - time.time()


def test_the_clock_is_set_forward(build: Build, clock: Clock) -> None:
    house = build(**clock.environment)
    account = house.account()
    session = _sign_in(account.http, house.stack.url)
    traffic = house.traffic(account)
    traffic.token = _key_for(account)
    with traffic:
        time.sleep(BEFORE)
        clock.set(HOURS)
        assert _database_offset(house) > 7000, "the database's clock did not move"
        moved = time.monotonic()
        expired = _me(house, session["access"])
        assert expired.json()["error"]["type"] == "token_expired", expired.text
        renewed = httpx2.post(
            f"{house.stack.url}/api/v1/auth/token/refresh/", json={"refresh": session["refresh"]}, trust_env=False
        )
        assert renewed.status_code == 200, f"whoever was signed in is signed out: {renewed.text}"
        assert _me(house, renewed.json()["access"]).status_code == 200
        well_again(house, traffic, "clock set 2 h forward", moved)
    house.reconciled()


def test_the_clock_is_set_back(build: Build, clock: Clock) -> None:
    """Leases and waiting times written two hours ahead must not hold up anything for two hours; a worker dies at the same moment."""
    clock.set(HOURS)
    house = build(**clock.environment)
    account = house.account()
    session = _sign_in(account.http, house.stack.url)
    traffic = house.traffic(account)
    traffic.token = _key_for(account)
    with traffic:
        time.sleep(15)  # every process has looked at the clock once
        text = "".join(f"## Part {n}\n\nIt speaks of topic{n}. {'filler ' * 90}\n\n" for n in range(400)).encode()
        made = account.upload(*((f"{number}.md", b"# %d\n\n" % number + text) for number in range(6)))
        traffic.sources += [str(source["id"]) for source in made]
        _kill_at_work(house)
        clock.set(0)
        moved = time.monotonic()
        assert abs(_database_offset(house)) < 60, "the database's clock did not move"
        assert _me(house, session["access"]).status_code == 200, "whoever was signed in is signed out"
        well_again(house, traffic, "clock set 2 h back, a worker killed at that moment", moved)
        assert house.ask("SELECT sum(crashes) + count(*) FILTER (WHERE attempt > 1) FROM training_run")[0][0] >= 1
    house.reconciled()


def _kill_at_work(house: House) -> None:
    """kill -9 of all training processes as soon as one of them works on an upload."""
    deadline = time.monotonic() + PATIENCE
    while not house.ask("SELECT 1 FROM training_run WHERE state = 'running'"):
        assert time.monotonic() < deadline, "nothing was trained"
        time.sleep(0.02)
    for child in psutil.Process(house.stack.pids()["worker"]).children():
        child.send_signal(signal.SIGKILL)


def _sign_in(http: httpx2.Client, url: str) -> dict[str, Any]:
    email = http.get("/api/v1/users/me/").json()["email"]
    answer = httpx2.post(
        f"{url}/api/v1/auth/token/", json={"email": email, "password": "a-Long-Passphrase-9"}, trust_env=False
    )
    assert answer.status_code == 200, answer.text
    pair: dict[str, Any] = answer.json()
    return pair


def _me(house: House, token: str) -> httpx2.Response:
    return httpx2.get(
        f"{house.stack.url}/api/v1/users/me/", headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )
