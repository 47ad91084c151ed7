"""What PostgreSQL says of the connections of each role: its name, and when it cancels a statement."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from chatsphere.embedded import application, migration

SAID = (
    "SELECT current_setting('application_name'), current_setting('statement_timeout'), current_setting('lock_timeout')"
)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _roles_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roles are taken for the life of a process; this one goes on without."""
    own = connections.databases["default"]
    monkeypatch.setitem(own, "OPTIONS", dict(own["OPTIONS"]))
    monkeypatch.setattr("chatsphere.core.process.become", lambda _role: None)


def said(wrapper: BaseDatabaseWrapper | None = None) -> tuple[Any, ...]:
    """By a new connection with the options of ``wrapper``."""
    parameters = (wrapper or connections.create_connection("default")).get_connection_params()
    wanted = {name: value for name, value in parameters.items() if name in ("host", "port", "user", "password")}
    wanted |= {"dbname": parameters["dbname"], "options": parameters["options"]}
    with psycopg.connect(**wanted, application_name=parameters["application_name"]) as connection:
        row: tuple[Any, ...] | None = connection.execute(SAID).fetchone()
    assert row is not None
    return row


def test_web_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[Any, ...]] = []

    class Server:
        def __init__(self, *_: Any, **__: Any) -> None:
            self.signal_handler_interrupt = lambda: None

        def serve(self) -> None:
            heard.append(said())

    monkeypatch.setattr("granian.server.Server", Server)
    monkeypatch.setattr(application, "_allow_many_files", lambda: None)
    application.serve_web("127.0.0.1", 0, 1)
    assert heard == [("chatsphere web", "30s", "20s")]


def test_workers_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[Any, ...]] = []
    worker = SimpleNamespace(start=lambda: heard.append(said()), exitcode=0)
    monkeypatch.setattr(application, "_celery", lambda: SimpleNamespace(Worker=lambda **_: worker))
    application.work("ingest")
    assert heard == [("chatsphere worker ingest", "2min", "20s")]


def test_migrations_take_long_and_wait_for_no_table() -> None:
    own = connections.create_connection("default")
    own.settings_dict = {**own.settings_dict, "OPTIONS": dict(own.settings_dict["OPTIONS"])}
    migration._connect_as_migration(own)
    assert said(own) == ("chatsphere migrate", "30min", "3s")


def test_the_turn_of_a_migration_is_waited_for_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a pooler the limits stand at the role, and the wait for another release job must not end by them."""
    name = connections["default"].settings_dict["NAME"]
    options = "-c statement_timeout=30000 -c lock_timeout=20000"
    address = psycopg.conninfo.conninfo_to_dict(settings.DATABASE_URL)
    limited = psycopg.conninfo.make_conninfo(**{**address, "dbname": name, "options": options})
    monkeypatch.setattr(migration, "_url", lambda: limited)
    with migration._connect(0) as lock:
        assert lock.execute(SAID).fetchone()[1:] == ("0", "0")  # type: ignore[index]
