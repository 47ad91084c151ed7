"""Inviting people by mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.users import audit, mail, one_time, tokens
from chatsphere.apps.users.audit import Actor
from chatsphere.apps.users.models import Invitation, Membership, User, Workspace
from chatsphere.core.exceptions import Conflict, Forbidden, NotFound

LIFETIME = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """An invitation and its token, which stands in the mail and in this answer only."""

    invitation: Invitation
    token: str


@transaction.atomic
def invite(*, workspace: Workspace, email: str, role: str, invited_by: UUID, actor: Actor) -> NewInvitation:
    """Invite somebody; an open invitation of the same address is replaced. Raises Conflict for a member."""
    members = Membership.objects.filter(workspace=workspace).alias(address=Lower("user__email"))
    if members.filter(address=email.lower()).exists():
        raise Conflict(_("This person is a member already."))
    Workspace.objects.select_for_update().get(
        pk=workspace.pk
    )  # two invitations of one address come one after the other
    _open(workspace.pk).alias(address=Lower("email")).filter(address=email.lower()).delete()
    token = tokens.new_secret()
    invitation: Invitation = Invitation.objects.create(
        workspace=workspace,
        email=email,
        role=role,
        invited_by_id=invited_by,
        token_hash=one_time.hash_code(token),
        expires_at=timezone.now() + LIFETIME,
    )
    _audit(actor, "invitation.sent", invitation, role=role)
    _send(invitation, workspace, token)
    return NewInvitation(invitation=invitation, token=token)


@transaction.atomic
def withdraw_invitation(*, workspace_id: UUID, invitation_id: UUID, actor: Actor) -> None:
    """Its token is bad from now on. Raises NotFound when there is no such open invitation."""
    invitation = _open(workspace_id).filter(pk=invitation_id).first()
    if invitation is None:
        raise NotFound
    _audit(actor, "invitation.withdrawn", invitation)
    invitation.delete()


@transaction.atomic
def accept_invitation(*, token: str, user_id: UUID, actor: Actor) -> Membership:
    """Join the workspace. Raises Invalid for a bad token, Forbidden for another person's; joining twice keeps the role one has."""
    open_ones = Invitation.objects.select_for_update(of=("self",)).select_related("workspace")
    invitation: Invitation | None = open_ones.filter(
        token_hash=one_time.hash_code(token),
        accepted_at=None,
        expires_at__gt=timezone.now(),
        workspace__deleted_at=None,
    ).first()
    if invitation is None:
        raise one_time.bad_code()
    user = User.objects.get(pk=user_id)
    if user.email.lower() != invitation.email.lower():
        raise Forbidden(_("This invitation was sent to another address. Sign in with that one."))
    membership, _is_new = Membership.objects.get_or_create(
        workspace=invitation.workspace, user=user, defaults={"role": invitation.role}
    )
    Invitation.objects.filter(pk=invitation.pk).update(accepted_at=timezone.now())
    _audit(actor, "invitation.accepted", invitation, role=membership.role)
    return membership


def _open(workspace_id: UUID) -> QuerySet[Invitation]:
    rows: QuerySet[Invitation] = Invitation.objects.in_workspace(workspace_id).filter(accepted_at=None)
    return rows


def _send(invitation: Invitation, workspace: Workspace, token: str) -> None:
    values = {"workspace": workspace.name, "link": f"{settings.CONSOLE_URL}/invitations/{token}", "token": token}
    mail.post(
        recipient=invitation.email,
        subject=_("Join %(workspace)s on ChatSphere") % values,
        body=_(
            "You are invited to work on %(workspace)s on ChatSphere.\n\nSign in or register with this address, then open\n"
            "%(link)s\n\nor give this code: %(token)s\n\nThe invitation is good for seven days."
        )
        % values,
    )


def _audit(actor: Actor, action: str, invitation: Invitation, **details: object) -> None:
    audit.record(
        actor,
        action,
        workspace_id=invitation.workspace_id,
        object_type="invitation",
        object_id=invitation.pk,
        details={"email": invitation.email, **details},
    )
