"""API keys: made, rotated, revoked. The secret leaves this module once and is never stored."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.users import audit, tokens
from chatsphere.apps.users.audit import SYSTEM, Actor
from chatsphere.apps.users.models import APIKey, APIKeyChatbot
from chatsphere.apps.users.named_sql import fetch_one
from chatsphere.core.exceptions import Conflict, Invalid, NotFound

CHATBOT_KEY = "users_apikeychatbot_chatbot_same_workspace"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key and its full text, which is shown this once."""

    key: APIKey
    secret: str


@transaction.atomic
def create_key(
    *,
    workspace_id: UUID,
    created_by: UUID | None,
    name: str,
    scopes: Collection[str],
    kind: str = APIKey.Kind.SECRET,
    chatbot_ids: Collection[UUID] | None = None,
    expires_at: datetime | None = None,
    actor: Actor = SYSTEM,
) -> NewKey:
    """Make a key. ``chatbot_ids`` None lets it reach every chatbot of the workspace, also later ones.

    Raises Invalid on ``chatbots`` when one of them is not in the workspace, or deleted.
    """
    if chatbot_ids and fetch_one("a_deleted_chatbot", {"ids": list(chatbot_ids), "workspace_id": workspace_id}):
        raise _no_chatbot()
    key = APIKey(
        workspace_id=workspace_id,
        created_by_id=created_by,
        kind=kind,
        name=name,
        scopes=sorted(scopes),
        expires_at=expires_at,
    )
    return _issue(key, chatbot_ids, actor)


@transaction.atomic
def rotate_key(*, key: APIKey, overlap: timedelta, actor: Actor = SYSTEM) -> NewKey:
    """A successor with the same name, scopes and chatbots; the old key goes on for ``overlap``. Raises Conflict for a dead key."""
    ends_at = timezone.now() + overlap
    alive = APIKey.objects.filter(pk=key.pk, revoked_at=None).exclude(expires_at__lte=timezone.now())
    if not alive.exists():
        raise Conflict(_("This key was revoked or has expired. Make a new one."))
    alive.exclude(expires_at__lt=ends_at).update(expires_at=ends_at)
    _audit(actor, "api_key.rotated", key, ends_at=ends_at.isoformat())
    links = None if key.all_chatbots else [link.chatbot_id for link in key.chatbot_links.all()]
    successor = APIKey(
        workspace_id=key.workspace_id,
        created_by_id=key.created_by_id,
        kind=key.kind,
        name=key.name,
        scopes=key.scopes,
        expires_at=key.expires_at,
    )
    return _issue(successor, links, actor)


@transaction.atomic
def revoke_key(*, workspace_id: UUID, key_id: UUID, actor: Actor = SYSTEM) -> None:
    """End a key at once, on every process. Raises NotFound for another workspace's or one that was revoked already."""
    alive = APIKey.objects.in_workspace(workspace_id).filter(pk=key_id, revoked_at=None)
    if not alive.update(revoked_at=timezone.now()):
        raise NotFound
    _audit(actor, "api_key.revoked", APIKey.objects.in_workspace(workspace_id).get(pk=key_id))


def _issue(key: APIKey, chatbot_ids: Collection[UUID] | None, actor: Actor) -> NewKey:
    secret = tokens.new_secret()
    key.all_chatbots = chatbot_ids is None
    key.secret_hash = tokens.hash_secret(secret)
    key.last_four = secret[-4:]
    key.save(force_insert=True)
    _bind(key, chatbot_ids or ())
    _audit(actor, "api_key.created", key, scopes=key.scopes, kind=key.kind)
    return NewKey(key=key, secret=f"{tokens.key_prefix(key.kind, key.pk)}_{secret}")


def _audit(actor: Actor, action: str, key: APIKey, **details: object) -> None:
    audit.record(
        actor,
        action,
        workspace_id=key.workspace_id,
        object_type="api_key",
        object_id=key.pk,
        details={"name": key.name, **details},
    )


def _bind(key: APIKey, chatbot_ids: Collection[UUID]) -> None:
    links = [APIKeyChatbot(workspace_id=key.workspace_id, api_key=key, chatbot_id=one) for one in chatbot_ids]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            APIKeyChatbot.objects.bulk_create(links)
            cursor.execute(f"SET CONSTRAINTS {CHATBOT_KEY} IMMEDIATE")
    except IntegrityError as error:
        raise _no_chatbot() from error
    with connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS {CHATBOT_KEY} DEFERRED")


def _no_chatbot() -> Invalid:
    return Invalid(fields={"chatbots": [_("One of these chatbots does not exist.")]})
