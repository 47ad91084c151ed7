"""The next version's migrations run while people work: no request fails, none waits longer than a lock may be waited for."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.deployment import Load, deployment, join, statuses

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NEXT = {
    "DJANGO_SETTINGS_MODULE": "tests.stubs.next_version.settings",
    "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
}


def columns(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'chatbots_chatbot'"
        )
        return {name for (name,) in rows}


def test_the_next_versions_migrations_run_under_load_without_a_failed_request(tmp_path: Path) -> None:
    with deployment(tmp_path, MIGRATION_LOCK_TIMEOUT_MS="1000") as house:
        port = house.start_web()
        load = Load(join(f"http://127.0.0.1:{port}", trains=False), threads=4)
        load.start(load.read_and_write)
        time.sleep(2)
        with psycopg.connect(house.postgres.url) as reader:
            reader.execute("SELECT count(*) FROM chatbots_chatbot")  # a report that reads the table for some seconds
            began = time.monotonic()
            blocked = house.start_next(("migrate", "--phase", "before"), NEXT)
            time.sleep(12)
            assert "next_note" not in columns(house.postgres.url), "the reader is not pushed aside"
        assert blocked.wait(90) == 0
        assert time.monotonic() - began < 100
        assert "next_note" in columns(house.postgres.url), "what comes before a deploy is there"
        again = house.run("migrate", **NEXT)
        assert again.returncode == 0, again.stderr
        assert "next_note" not in columns(house.postgres.url), "what comes after it runs with the rest"
        time.sleep(1)
        load.stop()
    assert not load.failures, statuses(load.failures)
    assert len(load.seconds) > 40
    assert max(load.seconds) < 10, "nobody waits behind a migration for long"


def test_a_schema_that_a_broken_migration_left_is_refused_by_name(tmp_path: Path) -> None:
    with deployment(tmp_path) as house:
        with psycopg.connect(house.postgres.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE twice (n int)")
            connection.execute("INSERT INTO twice VALUES (1), (1)")
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("CREATE UNIQUE INDEX CONCURRENTLY broken_index ON twice (n)")
        for command in ("migrate", "check"):
            said = house.run(command)
            assert said.returncode == 1, command
            assert "broken_index was not built to its end" in said.stdout + said.stderr, command
        with psycopg.connect(house.postgres.url, autocommit=True) as connection:
            connection.execute("DROP TABLE twice")
        assert house.run("migrate").returncode == 0
