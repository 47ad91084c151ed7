"""Is the database's schema the one that this version needs?

Each migration says by ``deploy`` when it runs: ``before`` the new version starts (it only adds, and the old version goes on serving), or ``after``
the old one is gone everywhere (it takes away what nobody uses any more). Migrations of other packages count as ``before``.
"""

from __future__ import annotations

from typing import Any, Literal

from django.db.migrations import Migration
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor

Phase = Literal["before", "all"]

# An index that could not be built to its end (CREATE INDEX CONCURRENTLY) is there and useless. One that is being built is left out.
_UNFINISHED_INDEXES = """
SELECT c.relname FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
WHERE NOT i.indisvalid AND c.relkind = 'i'
  AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
ORDER BY c.relname
"""


def waiting(connection: Any, phase: Phase = "all") -> list[Migration]:
    """Migrations that are not applied, in their order; with ``before`` only those without which this version must not serve.

    Raises what the database raises.
    """
    executor = MigrationExecutor(connection)
    plan = [migration for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    return plan if phase == "all" else [each for each in plan if is_before(each)]


def is_before(migration: Migration) -> bool:
    """Whether it runs before the version that brings it."""
    return getattr(migration, "deploy", "before") == "before"


def targets_before(connection: Any) -> list[tuple[str, str]]:
    """The last migrations to apply before a deploy: up to the first of each app that must wait until after it.

    Raises ValueError when one that must come before stands behind one of an earlier version that was never applied.
    """
    targets: dict[str, tuple[str, str]] = {}
    blocked: set[tuple[str, str]] = set()
    for migration in waiting(connection):
        key = (migration.app_label, migration.name)
        is_blocked = bool(blocked.intersection(migration.dependencies))
        if not is_before(migration) or is_blocked:
            blocked.add(key)
        if is_before(migration) and is_blocked:
            raise ValueError(
                f"{'.'.join(key)} needs a migration of an earlier version that runs after its deploy: run `chatsphere migrate` first."
            )
        if key not in blocked:
            targets[migration.app_label] = key
    return list(targets.values())


def problems(connection: Any) -> list[str]:
    """What a migration that was broken off, or rows of django_migrations that were changed by hand, left behind; a sentence each."""
    found = []
    executor = MigrationExecutor(connection)
    try:
        executor.loader.check_consistent_history(connection)
    except InconsistentMigrationHistory as error:
        found.append(f"the history of migrations has a gap: {error}")
    with connection.cursor() as cursor:
        cursor.execute(_UNFINISHED_INDEXES)
        names = [name for (name,) in cursor.fetchall()]
    found += [f"the index {name} was not built to its end: run REINDEX INDEX CONCURRENTLY {name}" for name in names]
    return found
