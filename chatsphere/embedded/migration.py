"""``python -m chatsphere.embedded.migration``: applies the migrations as soon as the database accepts connections.

Django loads while PostgreSQL still starts. Several stacks on one database take turns.
"""

from __future__ import annotations

import gc
import sys
import time

import django
import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

PATIENCE = 60.0
PAUSE = 0.05
LOCK_KEY = 0x43485350  # "CHSP", any number that nobody else uses


def main() -> int:
    """Exit code 0 when all migrations are applied, 1 with one sentence when the database does not answer."""
    django.setup()
    try:
        lock = _connect(time.monotonic() + PATIENCE)
    except psycopg.OperationalError as error:
        print(f"The database at DATABASE_URL does not answer: {str(error).strip()}", file=sys.stderr)
        return 1
    with lock:
        lock.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            # Each operation makes the model classes anew; fewer collections save a quarter of the time for 30 MB.
            gc.set_threshold(200_000, 50, 100)
            call_command("migrate", interactive=False, verbosity=1)
    connection.close()
    return 0


def _connect(deadline: float) -> psycopg.Connection[tuple[object, ...]]:
    while True:
        try:
            return psycopg.connect(settings.DATABASE_URL, autocommit=True, connect_timeout=5)
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)


if __name__ == "__main__":
    sys.exit(main())
