"""Roles, transfer, leaving. The workspace's row is locked first, so that two owners cannot step down at the same moment."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from chatsphere.apps.users import audit
from chatsphere.apps.users.audit import Actor
from chatsphere.apps.users.models import Membership, Role, User, Workspace
from chatsphere.core.exceptions import Conflict, Forbidden, NotFound


@transaction.atomic
def change_role(*, workspace_id: UUID, user_id: UUID, role: str, by_role: str, actor: Actor) -> Membership:
    """Give a member another role. ``by_role`` is the caller's: only owners make or change owners (Forbidden).

    Raises NotFound for no member, Conflict when the last owner would be gone.
    """
    member = _locked(workspace_id, user_id)
    _only_owners_touch_owners(by_role, member.role, role)
    if role != Role.OWNER:
        _keep_an_owner(member)
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    _audit(actor, "member.role_changed", member, before=before, after=role)
    return member


@transaction.atomic
def remove_member(*, workspace_id: UUID, user_id: UUID, by_role: str, actor: Actor) -> None:
    """Take a member out; their sessions lose this workspace at the next request. Leaving is removing oneself, whatever one's role.

    Raises NotFound, Forbidden (an owner, by somebody who is none), Conflict (the last owner).
    """
    member = _locked(workspace_id, user_id)
    if actor.id != user_id:
        _only_owners_touch_owners(by_role, member.role)
    _keep_an_owner(member)
    _audit(actor, "member.left" if actor.id == user_id else "member.removed", member, role=member.role)
    member.delete()
    others = Membership.objects.filter(user_id=user_id, workspace__deleted_at=None).order_by("id")
    successor = others.values_list("workspace_id", flat=True).first()
    User.objects.filter(pk=user_id, default_workspace_id=workspace_id).update(default_workspace_id=successor)


@transaction.atomic
def transfer_ownership(*, workspace_id: UUID, from_user: UUID, to_user: UUID, actor: Actor) -> None:
    """The other becomes owner, the present one admin, in one step. Raises NotFound when the other is no member."""
    if from_user == to_user:
        raise Conflict(_("You own this workspace already."))
    receiver = _locked(workspace_id, to_user)
    giver = _locked(workspace_id, from_user)
    if giver.role != Role.OWNER:
        raise Forbidden
    receiver.role, giver.role = Role.OWNER, Role.ADMIN
    Membership.objects.bulk_update([receiver, giver], ["role"])
    _audit(actor, "ownership.transferred", receiver, before=str(from_user), after=str(to_user))


def _locked(workspace_id: UUID, user_id: UUID) -> Membership:
    Workspace.objects.select_for_update().filter(pk=workspace_id, deleted_at=None).first()
    member = Membership.objects.select_related("user").filter(workspace_id=workspace_id, user_id=user_id).first()
    if member is None:
        raise NotFound
    return member


def _only_owners_touch_owners(by_role: str, *roles: str) -> None:
    if Role.OWNER in roles and by_role != Role.OWNER:
        raise Forbidden(_("Only owners make, change or remove owners."))


def _keep_an_owner(member: Membership) -> None:
    if member.role != Role.OWNER:
        return
    owners = Membership.objects.filter(workspace_id=member.workspace_id, role=Role.OWNER)
    if not owners.exclude(pk=member.pk).exists():
        raise Conflict(_("A workspace needs an owner. Make somebody else owner first."), type="last_owner")


def _audit(actor: Actor, action: str, member: Membership, **details: object) -> None:
    audit.record(
        actor,
        action,
        workspace_id=member.workspace_id,
        object_type="user",
        object_id=member.user_id,
        details={"email": member.user.email, **details},
    )
