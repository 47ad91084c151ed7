"""Workers and beat begin when somebody else has brought the database to this version's schema."""

from __future__ import annotations

import time

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from chatsphere.embedded import migration

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_whole_schema_is_not_waited_for(capfd: pytest.CaptureFixture[str]) -> None:
    migration.wait_until_applied()
    assert capfd.readouterr().err == ""


def test_a_missing_migration_is_waited_for_and_named_once(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    recorder = MigrationRecorder(connection)
    app, name = max((key for key in recorder.applied_migrations() if key[0] == "training"), key=lambda key: key[1])
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            recorder.record_applied(app, name)

    monkeypatch.setattr(time, "sleep", pause)
    recorder.record_unapplied(app, name)
    try:
        migration.wait_until_applied()
    finally:
        if (app, name) not in recorder.applied_migrations():
            recorder.record_applied(app, name)
    assert pauses == [migration.SCHEMA_PAUSE] * 3
    assert capfd.readouterr().err.count("migrate --phase before") == 1


def test_a_database_that_is_away_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    rightful = connection.settings_dict["HOST"]
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL has one
    connection.settings_dict["HOST"] = "/nowhere"

    def pause(_seconds: float) -> None:
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL has one
        connection.settings_dict["HOST"] = rightful

    monkeypatch.setattr(time, "sleep", pause)
    try:
        migration.wait_until_applied()
    finally:
        connection.settings_dict["HOST"] = rightful
    assert "does not answer" in capfd.readouterr().err
