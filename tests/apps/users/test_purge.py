"""Deleted workspaces are removed for good after seven days, with all that is theirs and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from chatsphere.apps.users.models import AuditEvent, User, Workspace
from chatsphere.apps.users.purge import _references, purge_deleted_workspaces
from tests.repo.test_routes import World

pytestmark = pytest.mark.django_db


def _rows_of(workspace_id: Any) -> dict[str, int]:
    counts = {}
    with connection.cursor() as cursor:
        for table, column, _is_nullable in _references():
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [workspace_id])
            counts[f"{table}.{column}"] = cursor.fetchone()[0]
    return {name: count for name, count in counts.items() if count}


def test_after_seven_days_nothing_of_it_is_left_and_nothing_else_is_gone(alice: Any, charlie: Any) -> None:
    from chatsphere.apps.users.models import Plan

    Plan.objects.update(chatbots=None)
    world, other = World(alice), World(charlie)
    before = _rows_of(other.workspace_id)
    assert len(_rows_of(world.workspace_id)) >= 12
    Workspace.objects.filter(pk=world.workspace_id).update(deleted_at=timezone.now() - timedelta(days=6, hours=23))
    assert purge_deleted_workspaces() == 0
    Workspace.objects.filter(pk=world.workspace_id).update(deleted_at=timezone.now() - timedelta(days=7, hours=1))

    assert purge_deleted_workspaces() == 1

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit would check
    assert _rows_of(world.workspace_id) == {}
    assert _rows_of(other.workspace_id) == before
    assert User.objects.get(pk=alice.pk).default_workspace_id is None
    assert AuditEvent.objects.filter(action="workspace.purged", object_id=str(world.workspace_id)).exists()
    assert purge_deleted_workspaces() == 0
