"""Fails when a model changed without a migration, or when the version that runs could not live with a migration. Needs no database.

Each migration of ours says `deploy = "before"` or `"after"` (chatsphere/core/schema.py) and has a docstring. The SQL of all of them, as PostgreSQL would
get it, goes through the checks of django-migration-linter: a migration that runs before a deploy must not take away, rename or demand what the old
version does not know, and builds indexes of existing tables with CONCURRENTLY.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

import django
from django.apps import apps
from django.contrib.postgres.operations import CreateExtension
from django.db import connection
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.migrations import Migration, RunPython
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django_migration_linter.sql_analyser import analyse_sql_statements, get_sql_analyser_class
from psycopg.sql import Literal

from chatsphere.config import choose_settings

SERVER_VERSION = 150_000  # the oldest that is supported; the SQL is written for it
ALLOWED_AFTER = {"DROP_COLUMN", "DROP_TABLE", "DROP_INDEX", "NOT_NULL", "ADD_UNIQUE"}
# Up to these the migrations were made before the first release, on databases that nobody had yet: their SQL is not looked at.
BEFORE_THE_FIRST_RELEASE = {
    "analytics": "0003_marks_by_time",
    "chatbots": "0004_budgets",
    "conversations": "0004_message_words",
    "core": "0001_idempotency_records",
    "evaluation": "0001_test_sets_and_evaluations",
    "training": "0006_count_stored_bytes",
    "webhooks": "0001_initial",
    "users": "0007_budgets",
}


def main() -> int:
    choose_settings()
    django.setup()
    connection.__dict__["pg_version"] = SERVER_VERSION
    connection.ensure_connection = _refuse
    loader = MigrationLoader(None)
    found = [*_missing(loader), *_unmarked(loader), *_dangerous(loader)]
    for line in found:
        print(line)
    if not found:
        print("Migrations are complete, marked, and the version before can live with them.")
    return 1 if found else 0


def _refuse() -> None:
    raise RuntimeError("this check looks at no database")


def _missing(loader: MigrationLoader) -> Iterator[str]:
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(graph=loader.graph)
    for app, migrations in changes.items():
        for migration in migrations:
            yield f"{app}: a migration is missing for: {', '.join(op.describe() for op in migration.operations)}"


def _unmarked(loader: MigrationLoader) -> Iterator[str]:
    for migration in _ours(loader):
        if getattr(migration, "deploy", None) not in ("before", "after"):
            yield f'{_name(migration)}: say deploy = "before" (it only adds) or "after" in the class Migration'
        if not (sys.modules[type(migration).__module__].__doc__ or "").strip():
            yield f"{_name(migration)}: say in its docstring what it is for"


def _dangerous(loader: MigrationLoader) -> Iterator[str]:
    analyser = get_sql_analyser_class("postgresql")
    for migration, statements in _sql(loader):
        errors, _ignored, warnings = analyse_sql_statements(analyser, statements, [])
        for issue in [*errors, *warnings]:
            if migration.deploy != "after" or issue.code not in ALLOWED_AFTER:
                where = f" ({issue.table}.{issue.column})" if issue.table else ""
                yield f"{_name(migration)}: {issue.code}: {issue.message}{where}"


def _sql(loader: MigrationLoader) -> Iterator[tuple[Migration, list[str]]]:
    """The statements of each of our migrations. All are walked in order once, because each is written against the state before it."""
    ours, state, done = {_name(each) for each in _ours(loader)}, ProjectState(real_apps=loader.unmigrated_apps), set()
    for leaf in loader.graph.leaf_nodes():
        for key in loader.graph.forwards_plan(leaf):
            if key in done:
                continue
            done.add(key)
            migration = loader.graph.nodes[key]
            if _name(migration) not in ours or migration.name <= BEFORE_THE_FIRST_RELEASE.get(migration.app_label, ""):
                state = migration.mutate_state(state, preserve=False)
                continue
            editor = _Editor(connection, collect_sql=True, atomic=True)  # never entered: that would begin a transaction
            editor.deferred_sql = []
            state = _apply(migration, state, editor)
            for statement in editor.deferred_sql:
                editor.execute(statement, None)
            yield migration, _flat(editor.collected_sql, is_atomic=migration.atomic)


def _apply(migration: Migration, state: ProjectState, editor: _Editor) -> ProjectState:
    for operation in migration.operations:
        before = state
        state = state.clone()
        operation.state_forwards(migration.app_label, state)
        if not isinstance(operation, CreateExtension | RunPython):  # those look at a database
            operation.database_forwards(migration.app_label, editor, before, state)
    return state


class _Editor(DatabaseSchemaEditor):
    """Writes SQL without a connection; values are quoted by psycopg."""

    def execute(self, sql: object, params: Sequence[object] | None = ()) -> None:
        text = str(sql)
        if params:
            text = text % tuple(Literal(each).as_string(None) for each in params)
        self.collected_sql.append(text + ";")


def _flat(statements: list[str], *, is_atomic: bool) -> list[str]:
    """One statement a line, without comments, as the analyser reads them."""
    flat = [re.sub(r"\s+", " ", each).strip() for each in statements if not each.lstrip().startswith("--")]
    return ["BEGIN;", *flat, "COMMIT;"] if is_atomic else flat


def _ours(loader: MigrationLoader) -> list[Migration]:
    return [each for each in loader.disk_migrations.values() if type(each).__module__.startswith("chatsphere.")]


def _name(migration: Migration) -> str:
    return f"{migration.app_label}.{migration.name}"


if __name__ == "__main__":
    sys.exit(main())
