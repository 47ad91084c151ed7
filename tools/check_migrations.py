"""Fails when a model changed without a migration. Needs no database: history is not compared with one."""

from __future__ import annotations

import sys

import django
from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from chatsphere.config import choose_settings


def main() -> int:
    choose_settings()
    django.setup()
    loader = MigrationLoader(None)
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(graph=loader.graph)
    for app, migrations in changes.items():
        for migration in migrations:
            print(f"{app}: a migration is missing for: {', '.join(op.describe() for op in migration.operations)}")
    if not changes:
        print("Migrations are complete.")
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main())
