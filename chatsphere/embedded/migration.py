"""``python -m chatsphere.embedded.migration``: applies the migrations as soon as the database accepts connections.

Django loads while PostgreSQL still starts. Several stacks on one database take turns. A migration waits a few seconds for a lock at most, so that the
requests behind it wait no longer either; then it lets them pass and tries again.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from typing import Any

import django
import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connection

from chatsphere.core import connections, schema
from chatsphere.core.schema import Phase

PATIENCE = 60.0
PAUSE = 0.05
LOCK_KEY = 0x43485350  # "CHSP", any number that nobody else uses
LOCK_ATTEMPTS = 20
LOCK_PAUSE = 1.0
SCHEMA_PAUSE = 2.0


def main(phase: Phase = "all") -> int:
    """Exit code 0 when the migrations of ``phase`` are applied and the schema is whole; else 1 with a sentence."""
    django.setup()
    try:
        lock = _connect(time.monotonic() + PATIENCE)
    except psycopg.OperationalError as error:
        return _failed(f"The database at {_name()} does not answer: {str(error).strip()}")
    with lock:
        lock.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        _connect_as_migration(connection)
        try:
            _apply(phase)
        except ValueError as error:
            return _failed(str(error))
        left = schema.problems(connection)
        if connections.is_pooled(settings.DATABASE_DIRECT_URL):
            _limit_statements_of_the_role(lock)
    connection.close()
    return _failed(f"The schema is half applied: {'; '.join(left)}.") if left else 0


def wait_until_applied() -> None:
    """Return once the schema is whole and nothing is missing that must be there before this version starts. Somebody else applies it.

    Says on standard error what it waits for, whenever that changes; a signal ends it as it ends any program.
    """
    said = ""
    while reason := _what_is_missing():
        if reason != said:
            print(f"Waiting for the database: {reason}.", file=sys.stderr, flush=True)
            said = reason
        time.sleep(SCHEMA_PAUSE)


def _what_is_missing() -> str:
    try:
        left = schema.waiting(connection, "before")
        found = [] if left else schema.problems(connection)
    except DatabaseError as error:
        return f"it does not answer ({str(error).strip()})"
    finally:
        connection.close()  # processes are forked from this one
    if left:
        return f"{len(left)} migrations are not applied, run `chatsphere migrate --phase before`"
    return "; ".join(found)


def _apply(phase: Phase) -> None:
    if not schema.waiting(connection, phase):
        return
    # Each operation makes the model classes anew; fewer collections save a quarter of the time for 30 MB.
    gc.set_threshold(200_000, 50, 100)
    for target in schema.targets_before(connection) if phase == "before" else [()]:
        _patiently(*target)


def _patiently(*target: str) -> None:
    """What was applied before a lock was not to be had stays applied; the next attempt goes on behind it."""
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            call_command("migrate", *target, interactive=False, verbosity=1)
            return
        except OperationalError as error:
            if attempt == LOCK_ATTEMPTS or not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise
            print(f"A table is in use; trying again ({attempt}).", file=sys.stderr)
            time.sleep(LOCK_PAUSE)


def _connect_as_migration(own: Any) -> None:
    """Past a pooler, and with the time limits of migrations."""
    entry = connections.database(
        _url(),
        pool_size=1,
        statement_timeout_ms=settings.MIGRATION_STATEMENT_TIMEOUT_MS,
        lock_timeout_ms=settings.MIGRATION_LOCK_TIMEOUT_MS,
        role="migrate",
    )
    entry["OPTIONS"].pop("pool")
    own.close()
    own.settings_dict.update({name: entry[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS")})


def _limit_statements_of_the_role(direct: psycopg.Connection[tuple[object, ...]]) -> None:
    """A pooler passes no options on, so the limits of statements are written at the role, for this database."""
    for name, milliseconds in _limits():
        statement = psycopg.sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET {} = {}")
        database = psycopg.sql.Identifier(direct.info.dbname)
        direct.execute(statement.format(database, psycopg.sql.Identifier(name), psycopg.sql.Literal(milliseconds)))


def _limits() -> Iterator[tuple[str, int]]:
    yield "statement_timeout", settings.STATEMENT_TIMEOUT_MS
    yield "lock_timeout", settings.LOCK_TIMEOUT_MS


def _connect(deadline: float) -> psycopg.Connection[tuple[object, ...]]:
    while True:
        try:
            lock = psycopg.connect(_url(), autocommit=True, connect_timeout=5)
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
        else:
            # The limits that stand at the role would end the wait for another stack's turn.
            lock.execute("SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false)")
            return lock


def _url() -> str:
    return str(settings.DATABASE_DIRECT_URL or settings.DATABASE_URL)


def _name() -> str:
    return "DATABASE_DIRECT_URL" if settings.DATABASE_DIRECT_URL else "DATABASE_URL"


def _failed(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
