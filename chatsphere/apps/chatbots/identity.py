"""Identity secrets: with one of them the customer's server signs who a chatbot's visitors are (``X-Visitor-Token``)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.models import Chatbot, IdentitySecret
from chatsphere.apps.users import audit, tokens
from chatsphere.apps.users.audit import SYSTEM, Actor
from chatsphere.core.exceptions import Conflict, NotFound

PREFIX = "cs_id_"
MOST_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class NewIdentitySecret:
    """A secret's row and its full text, which is shown this once."""

    row: IdentitySecret
    secret: str


def living(workspace_id: UUID, chatbot_id: UUID) -> QuerySet[IdentitySecret]:
    """The secrets that are good now, without their texts."""
    rows: QuerySet[IdentitySecret] = IdentitySecret.objects.in_workspace(workspace_id).filter(
        Q(expires_at=None) | Q(expires_at__gt=timezone.now()), chatbot_id=chatbot_id, revoked_at=None
    )
    return rows.defer("secret")


@transaction.atomic
def create_secret(
    *, workspace_id: UUID, chatbot_id: UUID, overlap: timedelta, created_by: UUID | None, actor: Actor = SYSTEM
) -> NewIdentitySecret:
    """A new secret; the ones before it go on for ``overlap``. Raises NotFound, Conflict when too many are good at once."""
    alive = Chatbot.objects.in_workspace(workspace_id).filter(deleted_at=None)
    if alive.select_for_update(no_key=True).filter(pk=chatbot_id).first() is None:
        raise NotFound
    ends_at = timezone.now() + overlap
    earlier = living(workspace_id, chatbot_id)
    earlier.filter(Q(expires_at=None) | Q(expires_at__gt=ends_at)).update(expires_at=ends_at)
    if living(workspace_id, chatbot_id).count() >= MOST_AT_ONCE:
        raise Conflict(_("Five secrets are good at once already. Revoke one first."), type="too_many_secrets")
    secret = PREFIX + tokens.new_secret()
    row: IdentitySecret = IdentitySecret.objects.create(
        workspace_id=workspace_id,
        chatbot_id=chatbot_id,
        secret=secret,
        last_four=secret[-4:],
        created_by_id=created_by,
    )
    _note(actor, "identity_secret.created", row, overlap_seconds=int(overlap.total_seconds()))
    return NewIdentitySecret(row=row, secret=secret)


@transaction.atomic
def revoke_secret(*, workspace_id: UUID, chatbot_id: UUID, secret_id: UUID, actor: Actor = SYSTEM) -> None:
    """Tokens that it signed are refused from now on. Raises NotFound when there is no such good secret."""
    row = living(workspace_id, chatbot_id).filter(pk=secret_id).first()
    if row is None or not living(workspace_id, chatbot_id).filter(pk=secret_id).update(revoked_at=timezone.now()):
        raise NotFound
    _note(actor, "identity_secret.revoked", row)


def _note(actor: Actor, action: str, row: IdentitySecret, **details: object) -> None:
    audit.record(
        actor,
        action,
        workspace_id=row.workspace_id,
        object_type="identity_secret",
        object_id=row.pk,
        details={"chatbot": str(row.chatbot_id), **details},
    )
