"""Reads that join several models."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F, QuerySet

from chatsphere.apps.users.models import Membership, Workspace
from chatsphere.core.exceptions import NotFound


def membership_of(*, user_id: UUID, workspace_id: UUID) -> Membership:
    """A person's place in a workspace, with the person, the workspace and its plan: one query. Raises NotFound for no member."""
    rows = Membership.objects.select_related("user", "workspace__plan").filter(workspace__deleted_at=None)
    membership = rows.filter(user_id=user_id, workspace_id=workspace_id).first()
    if membership is None:
        raise NotFound
    return membership


def workspaces_of(user_id: UUID) -> QuerySet[Workspace]:
    """The workspaces of which a person is a member, each with their ``role``."""
    mine = Workspace.objects.filter(memberships__user_id=user_id, deleted_at=None)
    workspaces: QuerySet[Workspace] = mine.select_related("plan").annotate(role=F("memberships__role"))
    return workspaces
