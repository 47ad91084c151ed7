"""The tenant itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from chatsphere.apps.users import audit
from chatsphere.apps.users.audit import SYSTEM, Actor
from chatsphere.apps.users.models import Membership, Role, Workspace


@transaction.atomic
def create_workspace(*, owner_id: UUID, name: str, time_zone: str = "UTC", actor: Actor = SYSTEM) -> Workspace:
    """Another workspace of a person, on the default plan."""
    workspace: Workspace = Workspace.objects.create(name=name, time_zone=time_zone)
    Membership.objects.create(workspace=workspace, user_id=owner_id, role=Role.OWNER)
    _audit(actor, "workspace.created", workspace)
    return workspace


@transaction.atomic
def change_workspace(*, workspace: Workspace, changes: dict[str, Any], actor: Actor = SYSTEM) -> Workspace:
    """Change name or time zone; plan and limits are the operators' to change."""
    for field, value in changes.items():
        setattr(workspace, field, value)
    workspace.save(update_fields=[*changes, "updated_at"])
    _audit(actor, "workspace.changed", workspace, fields=sorted(changes))
    return workspace


def _audit(actor: Actor, action: str, workspace: Workspace, **details: object) -> None:
    audit.record(
        actor,
        action,
        workspace_id=workspace.pk,
        object_type="workspace",
        object_id=workspace.pk,
        details=details,
    )
