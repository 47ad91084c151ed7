"""PostgreSQL restarts, stays away, has no connection left, or takes no writes, as after a failover to a standby."""

from __future__ import annotations

import time
from contextlib import ExitStack

import psycopg
import pytest

from tests.acceptance.withstand.conftest import Build, House, well_again

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BEFORE = 3.0
AWAY = 45.0
_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> ALL (%(mine)s) AND pid <> pg_backend_pid() AND usename = 'chatsphere'"
)


def test_postgresql_is_restarted(house: House) -> None:
    with house.traffic(house.account()) as traffic:
        time.sleep(BEFORE)
        house.postgres.stop()
        house.postgres.start()
        well_again(house, traffic, "PostgreSQL restarted", time.monotonic())
    house.reconciled()


def test_postgresql_is_away_for_a_while(house: House) -> None:
    """Longer than a pool's first attempts to connect: it must not have fallen asleep when the server is back."""
    with house.traffic(house.account()) as traffic:
        time.sleep(BEFORE)
        house.postgres.stop()
        time.sleep(AWAY)
        house.postgres.start()
        well_again(house, traffic, f"PostgreSQL away for {AWAY:.0f} s", time.monotonic())
    house.reconciled()


def test_connections_are_exhausted(build: Build) -> None:
    house = build(postgres={"max_connections": "25", "superuser_reserved_connections": "0"})
    with house.traffic(house.account()) as traffic:
        time.sleep(BEFORE)
        with ExitStack() as stack:
            _take_all(house, stack)
            time.sleep(20)
        well_again(house, traffic, "PostgreSQL's connections exhausted for 20 s", time.monotonic())
    house.reconciled()


def _take_all(house: House, stack: ExitStack) -> None:
    """Hold every connection that the server has, taking the platform's own away from it."""
    mine: list[psycopg.Connection] = [stack.enter_context(psycopg.connect(house.postgres.url, autocommit=True))]
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        mine[0].execute(_OTHERS, {"mine": [each.info.backend_pid for each in mine]})
        try:
            mine.append(stack.enter_context(psycopg.connect(house.postgres.url, autocommit=True)))
        except psycopg.OperationalError:
            continue


def test_the_database_is_read_only(house: House) -> None:
    account = house.account()
    with house.traffic(account) as traffic:
        time.sleep(BEFORE)
        house.tell("ALTER DATABASE chatsphere SET default_transaction_read_only = on")
        began = time.monotonic()
        house.ask(_OTHERS, mine=[])
        time.sleep(15)
        read = [each for each in traffic.seen if each.what == "read" and each.began >= began + 2]
        assert read, "nobody read anything"
        assert all(each.is_fine for each in read), f"what is there could not be read: {read[:5]}"
        refused = account.http.post("/api/v1/chatbots/", json={"name": "x"})
        assert (refused.status_code, refused.json()["error"]["type"]) == (503, "read_only"), refused.text
        assert account.http.get("/readyz").json()["checks"]["database"] == "the database takes no writes"
        with psycopg.connect(house.postgres.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER DATABASE chatsphere RESET default_transaction_read_only")
        house.ask(_OTHERS, mine=[])
        well_again(house, traffic, "the database read-only for 15 s", time.monotonic())
    house.reconciled()
