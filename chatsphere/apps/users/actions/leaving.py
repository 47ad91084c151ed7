"""Going away: a workspace, or a person."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.users import attempts, audit
from chatsphere.apps.users.audit import Actor
from chatsphere.apps.users.models import Membership, Role, User, Workspace
from chatsphere.core.exceptions import Conflict, Invalid


@transaction.atomic
def delete_workspace(*, workspace_id: UUID, user_id: UUID, actor: Actor) -> None:
    """Nothing of it answers from now on; an operator can restore it for seven days. Raises Conflict for one's only workspace."""
    others = Membership.objects.filter(user_id=user_id, workspace__deleted_at=None).exclude(workspace_id=workspace_id)
    if not others.exists():
        raise Conflict(_("This is your only workspace. Delete your account instead."), type="only_workspace")
    _bury(Workspace.objects.select_for_update().get(pk=workspace_id), actor)
    User.objects.filter(default_workspace_id=workspace_id, pk=user_id).update(
        default_workspace_id=others.order_by("id").values_list("workspace_id", flat=True).first()
    )


@transaction.atomic
def delete_account(*, user_id: UUID, password: str, actor: Actor) -> None:
    """The person is gone with their sessions; workspaces that nobody else is in are deleted too.

    Raises Invalid for a wrong password, Conflict while others need the person as owner, Throttled after too many tries.
    """
    user = User.objects.get(pk=user_id)
    attempts.admit_sign_in(user.email, actor.ip_address)
    if not user.check_password(password):
        attempts.note_failure(user.email, actor.ip_address)
        raise Invalid(fields={"password": [_("This is not your password.")]})
    owned = list(_owned_alone(user_id))
    shared = [workspace for workspace in owned if workspace.memberships.exclude(user_id=user_id).exists()]
    if shared:
        names = ", ".join(workspace.name for workspace in shared)
        raise Conflict(_("Make somebody else owner first: %(names)s.") % {"names": names}, type="last_owner")
    for workspace in owned:
        _bury(workspace, actor)
    audit.record(actor, "user.deleted", workspace_id=user.default_workspace_id, object_type="user", object_id=user.pk)
    user.delete()


def _owned_alone(user_id: UUID) -> QuerySet[Workspace]:
    """Locked workspaces whose only owner this person is."""
    with_others = Membership.objects.filter(role=Role.OWNER).exclude(user_id=user_id).values("workspace_id")
    mine = Membership.objects.filter(user_id=user_id, role=Role.OWNER).values("workspace_id")
    rows: QuerySet[Workspace] = Workspace.objects.select_for_update().filter(pk__in=mine, deleted_at=None)
    return rows.exclude(pk__in=with_others)


def _bury(workspace: Workspace, actor: Actor) -> None:
    workspace.deleted_at = timezone.now()
    workspace.save(update_fields=["deleted_at", "updated_at"])
    audit.record(actor, "workspace.deleted", workspace_id=workspace.pk, object_type="workspace", object_id=workspace.pk)
