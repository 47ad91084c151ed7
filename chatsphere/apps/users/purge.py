"""Removing workspaces for good that were deleted longer ago than they can be restored, with every row of every room."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from django.apps import apps
from django.db import connection, models, transaction
from django.utils import timezone

from chatsphere.apps.users import audit
from chatsphere.apps.users.actions.workspaces import RESTORABLE
from chatsphere.apps.users.models import Workspace

logger = logging.getLogger("chatsphere.privacy")
TIMEOUT_SECONDS = 600


def purge_deleted_workspaces(*, now: datetime | None = None) -> int:
    """One transaction a workspace; returns how many went. Their files belong to no source afterwards, so the hourly search for orphans
    takes them. The audit trail stays: it holds no content."""
    before = (now or timezone.now()) - RESTORABLE
    waiting = Workspace.objects.filter(deleted_at__lt=before).order_by("deleted_at").values_list("pk", flat=True)
    return sum(_purge(workspace_id, before) for workspace_id in list(waiting))


@transaction.atomic
def _purge(workspace_id: UUID, before: datetime) -> int:
    locked = Workspace.objects.select_for_update(skip_locked=True).filter(pk=workspace_id, deleted_at__lt=before)
    if locked.first() is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{TIMEOUT_SECONDS}s'")
        for table, column, is_nullable in _references():
            names = {"table": connection.ops.quote_name(table), "column": connection.ops.quote_name(column)}
            statement = "UPDATE {table} SET {column} = NULL" if is_nullable else "DELETE FROM {table}"
            # Names of our own models; keys between the tables are checked at the end of the transaction.
            cursor.execute(f"{statement} WHERE {{column}} = %s".format(**names), [workspace_id])
        cursor.execute("DELETE FROM users_workspace WHERE id = %s", [workspace_id])
    audit.record(
        audit.SYSTEM, "workspace.purged", workspace_id=workspace_id, object_type="workspace", object_id=workspace_id
    )
    logger.info("A deleted workspace was removed for good: %s", workspace_id)
    return 1


def _references() -> list[tuple[str, str, bool]]:
    """Table and column of every key to a workspace, and whether the row outlives it."""
    return [
        (model._meta.db_table, field.column, field.null)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.related_model is Workspace
    ]
