"""The tenant itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.users import audit
from chatsphere.apps.users.audit import SYSTEM, Actor
from chatsphere.apps.users.models import Membership, Role, User, Workspace
from chatsphere.core.exceptions import Conflict

MOST_OWNED = 10  # each has a quota of its own
RESTORABLE = timedelta(days=7)


@transaction.atomic
def create_workspace(*, owner_id: UUID, name: str, actor: Actor = SYSTEM, **settings: Any) -> Workspace:
    """Another workspace of a person, on the default plan; ``settings`` are what ``change_workspace`` takes. Raises Conflict for somebody who owns MOST_OWNED already.

    Deleted ones count for as long as they can be restored: deleting does not renew a quota.
    """
    User.objects.select_for_update().get(pk=owner_id)  # two at once count each other
    still_counts = Q(deleted_at=None) | Q(deleted_at__gt=timezone.now() - RESTORABLE)
    mine = Membership.objects.filter(user_id=owner_id, role=Role.OWNER).values("workspace_id")
    if Workspace.objects.filter(still_counts, pk__in=mine).count() >= MOST_OWNED:
        sentence = _("One person owns at most %(most)s workspaces; one that you delete counts for seven days more.")
        raise Conflict(sentence % {"most": MOST_OWNED}, type="too_many_workspaces")
    workspace: Workspace = Workspace.objects.create(name=name, **settings)
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
