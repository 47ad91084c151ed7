"""The tenant itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from chatsphere.apps.users.models import Membership, Role, Workspace


@transaction.atomic
def create_workspace(*, owner_id: UUID, name: str, time_zone: str = "UTC") -> Workspace:
    """Another workspace of a person, on the default plan."""
    workspace: Workspace = Workspace.objects.create(name=name, time_zone=time_zone)
    Membership.objects.create(workspace=workspace, user_id=owner_id, role=Role.OWNER)
    return workspace


def change_workspace(*, workspace: Workspace, changes: dict[str, Any]) -> Workspace:
    """Change name or time zone; plan and limits are the operators' to change."""
    for field, value in changes.items():
        setattr(workspace, field, value)
    workspace.save(update_fields=[*changes, "updated_at"])
    return workspace
