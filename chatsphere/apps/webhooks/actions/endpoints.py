"""Making, changing and removing endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.users import audit
from chatsphere.apps.users.audit import SYSTEM, Actor
from chatsphere.apps.users.models import Workspace
from chatsphere.apps.webhooks.disabling import disable
from chatsphere.apps.webhooks.models import Endpoint
from chatsphere.apps.webhooks.sending import new_secret
from chatsphere.core.conditional import require_match
from chatsphere.core.exceptions import Invalid, NotFound
from chatsphere.services.sql import statements

MOST_ENDPOINTS = 20
OVERLAP = timedelta(hours=24)


@transaction.atomic
def create_endpoint(
    *,
    workspace_id: UUID,
    url: str,
    events: Sequence[str],
    chatbot_ids: Sequence[UUID] = (),
    description: str = "",
    is_active: bool = True,
    actor: Actor = SYSTEM,
) -> Endpoint:
    """A new endpoint with a signing secret of its own; it hears of what happens from now on.

    Raises Invalid past MOST_ENDPOINTS, and for chatbots that the workspace does not have.
    """
    _require_own(workspace_id, chatbot_ids)
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
    if Endpoint.objects.in_workspace(workspace_id).count() >= MOST_ENDPOINTS:
        message = _("A workspace has at most %(most)s endpoints. Delete one first.") % {"most": MOST_ENDPOINTS}
        raise Invalid(fields={"url": [message]})
    endpoint: Endpoint = Endpoint.objects.create(
        workspace_id=workspace_id,
        url=url,
        events=list(events),
        chatbot_ids=list(chatbot_ids),
        description=description,
        is_active=is_active,
        secret=new_secret(),
    )
    _note(actor, "webhook.created", endpoint)
    return endpoint


@transaction.atomic
def update_endpoint(
    *,
    workspace_id: UUID,
    endpoint_id: UUID,
    changes: Mapping[str, Any],
    if_match: str | None = None,
    actor: Actor = SYSTEM,
) -> Endpoint:
    """Change the named fields. Switching it off drops what waits for it; switching it on forgets why it was off.

    Raises NotFound, PreconditionFailed, Invalid for chatbots that the workspace does not have.
    """
    endpoint = _lock(workspace_id, endpoint_id)
    require_match(endpoint, if_match)
    _require_own(workspace_id, [one for one in changes.get("chatbot_ids", ()) if one not in endpoint.chatbot_ids])
    values = dict(changes)
    if values.pop("is_active", endpoint.is_active) != endpoint.is_active:
        if endpoint.is_active:
            disable(endpoint_id=endpoint.pk, reason=Endpoint.Disabled.BY_MEMBER)
        else:
            values |= {"is_active": True, "disabled_reason": "", "disabled_at": None, "failing_since": None}
    for name, value in values.items():
        setattr(endpoint, name, value)
    endpoint.save(update_fields=[*values, "updated_at"])
    _note(actor, "webhook.changed", endpoint, fields=sorted(changes))
    return _lock(workspace_id, endpoint_id)


@transaction.atomic
def rotate_secret(*, workspace_id: UUID, endpoint_id: UUID, actor: Actor = SYSTEM) -> Endpoint:
    """A new secret; the old one signs beside it for OVERLAP, so that receivers can change over. Raises NotFound."""
    endpoint = _lock(workspace_id, endpoint_id)
    now, fresh = timezone.now(), new_secret()
    # The old one is copied as it stands, encrypted, so that one which cannot be read any more can still be replaced.
    Endpoint.objects.filter(pk=endpoint.pk).update(
        previous_secret=F("secret"), previous_secret_until=now + OVERLAP, secret=fresh, updated_at=now
    )
    endpoint.secret, endpoint.updated_at = fresh, now
    _note(actor, "webhook.secret_rotated", endpoint)
    return endpoint


@transaction.atomic
def delete_endpoint(*, workspace_id: UUID, endpoint_id: UUID, actor: Actor = SYSTEM) -> None:
    """Gone, with its deliveries. Raises NotFound."""
    endpoint = _lock(workspace_id, endpoint_id)
    _note(actor, "webhook.deleted", endpoint)
    found = Endpoint.objects.filter(pk=endpoint.pk)
    found._raw_delete(found.db)  # the database's own cascade removes the log


def _require_own(workspace_id: UUID, chatbot_ids: Sequence[UUID]) -> None:
    if not chatbot_ids:
        return
    ids = list(set(chatbot_ids))
    statement = statements("chatsphere.apps.webhooks")["count_own_chatbots"]
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": ids, "workspace_id": workspace_id})
        if cursor.fetchone() != (len(ids),):
            raise Invalid(fields={"chatbots": [_("One of these chatbots does not exist.")]})


def _lock(workspace_id: UUID, endpoint_id: UUID) -> Endpoint:
    found = Endpoint.objects.in_workspace(workspace_id).select_for_update(no_key=True).filter(pk=endpoint_id)
    endpoint: Endpoint | None = found.first()
    if endpoint is None:
        raise NotFound
    return endpoint


def _note(actor: Actor, action: str, endpoint: Endpoint, **details: Any) -> None:
    audit.record(
        actor,
        action,
        workspace_id=endpoint.workspace_id,
        object_type="webhook_endpoint",
        object_id=endpoint.pk,
        details=details,
    )
