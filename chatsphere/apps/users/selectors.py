"""Reads that join several models."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from chatsphere.apps.users.models import AuditEvent, Membership, SecondFactor, Session, User, Workspace
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


def has_second_factor(user_id: UUID) -> bool:
    """Whether sign-in asks this person for a code."""
    return SecondFactor.objects.filter(user_id=user_id, enabled_at__isnull=False).exists()


def personal_data(user_id: UUID) -> dict[str, Any]:
    """What is stored about a person; at most the newest 10,000 lines of the trail. Four queries."""
    user = User.objects.get(pk=user_id)
    memberships = Membership.objects.select_related("user", "workspace__plan").filter(user_id=user_id)
    return {
        "memberships": memberships.filter(workspace__deleted_at=None),
        "sessions": Session.objects.filter(user_id=user_id).order_by("-id"),
        "audit_events": AuditEvent.objects.filter(actor_id=user_id).order_by("-id")[:10_000],
        "date_joined": user.date_joined,
        "last_login": user.last_login,
    }
