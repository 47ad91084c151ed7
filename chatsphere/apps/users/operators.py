"""What operators change in the admin stands in the audit trail, too: Django's own log of it is copied line by line."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db.models.signals import post_save

from chatsphere.apps.users import audit
from chatsphere.apps.users.audit import Actor

ACTIONS = {ADDITION: "operator.added", CHANGE: "operator.changed", DELETION: "operator.deleted"}


def watch() -> None:
    """Copy from now on. Deleting many at once would be logged without a signal, so the admin deletes one by one."""
    admin.site.disable_action("delete_selected")
    post_save.connect(_copy, sender=LogEntry, dispatch_uid="chatsphere.users.operators")


def _copy(instance: LogEntry, created: bool, **_: Any) -> None:  # noqa: FBT001 - Django's signature
    if not created:
        return
    kind = instance.content_type
    audit.record(
        Actor(kind="operator", id=instance.user_id, label=str(instance.user)),
        ACTIONS[instance.action_flag],
        workspace_id=_workspace_of(instance),
        object_type=kind.model if kind else "",
        object_id=instance.object_id or "",
        details={"fields": _fields(instance.change_message)},
    )


def _workspace_of(entry: LogEntry) -> UUID | None:
    try:
        row = entry.get_edited_object() if entry.action_flag != DELETION else None
    except Exception:  # noqa: BLE001 - a row that is gone, a model that is gone: the line is written without a workspace
        return None
    if row is None:
        return None
    is_workspace = row._meta.label == "users.Workspace"
    workspace_id: UUID | None = row.pk if is_workspace else getattr(row, "workspace_id", None)
    return workspace_id


def _fields(message: str) -> list[str]:
    """The names of changed fields, without their values."""
    try:
        changes = json.loads(message or "[]")
    except ValueError:
        return []
    return sorted({name for change in changes for part in change.values() for name in part.get("fields", [])})
