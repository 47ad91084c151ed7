"""Hints at tables that need vacuum, from PostgreSQL's own statistics."""

from __future__ import annotations

import logging
import time

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from chatsphere.apps.users.tasks import look_at_tables
from chatsphere.core import table_health
from chatsphere.core.table_health import vacuum_hints

pytestmark = pytest.mark.django_db(transaction=True)


def dsn() -> str:
    return psycopg.conninfo.make_conninfo(settings.DATABASE_URL, dbname=connection.settings_dict["NAME"])


@pytest.fixture
def worn_table() -> object:
    with psycopg.connect(dsn(), autocommit=True) as writer:
        writer.execute("CREATE TABLE worn (id int) WITH (autovacuum_enabled = false)")
        writer.execute("INSERT INTO worn SELECT generate_series(1, 2000)")
        writer.execute("DELETE FROM worn WHERE id > 100")
        writer.execute("SELECT pg_stat_force_next_flush()")
        writer.execute("SELECT 1")
        yield writer
        writer.execute("DROP TABLE worn")


def test_a_table_of_dead_rows_is_named_with_what_to_do(worn_table: object) -> None:
    hints = [hint for hint in vacuum_hints(dead_rows=1000) if "worn" in hint]
    assert len(hints) == 1
    assert "1,900 dead rows beside 100 live ones" in hints[0]
    assert "VACUUM (ANALYZE) worn" in hints[0]


def test_a_transaction_that_stays_open_is_named() -> None:
    with psycopg.connect(dsn()) as sleeper:
        sleeper.execute("SELECT 1")
        pid = sleeper.info.backend_pid
        time.sleep(0.2)
        hints = vacuum_hints(open_seconds=0.1)
    assert any(f"connection {pid} " in hint and "End it." in hint for hint in hints)


def test_the_nightly_task_writes_the_hints_into_the_log(
    worn_table: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(table_health.vacuum_hints, "__kwdefaults__", {"dead_rows": 1000, "open_seconds": 600.0})
    with caplog.at_level(logging.WARNING, logger="chatsphere.database"):
        look_at_tables()
    assert "worn has 1,900 dead rows" in caplog.text
