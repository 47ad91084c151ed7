"""The audit trail: who did what to which object, from where. Written in the transaction of the deed; the database refuses changes.

Higher rooms write their own: ``audit.record(actor_of(request), "chatbot.deleted", workspace_id=…, object_type="chatbot", object_id=…)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chatsphere.apps.users.models import AuditEvent, User
from chatsphere.core.addresses import client_address
from chatsphere.core.context import request_id
from chatsphere.core.principal import Principal


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, and from which address."""

    kind: str = "system"
    id: UUID | None = None
    label: str = ""
    ip_address: str = ""


SYSTEM = Actor()
_current: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


def current() -> Actor:
    """Whoever the running request was let in as; SYSTEM in workers and commands. For actions that are not told their actor."""
    return _current.get()


def remember(principal: Principal | None, ip_address: str) -> None:
    """Note who the running request was let in as, for ``current``."""
    if principal is None:
        _current.set(Actor(kind="anonymous", ip_address=ip_address))
    else:
        _current.set(_actor(principal, ip_address))


def actor_of(request: Any) -> Actor:
    """The actor behind a request of Django or DRF; ``anonymous`` without a credential."""
    principal, address = request.user, client_address(request)
    if not isinstance(principal, Principal):
        return Actor(kind="anonymous", ip_address=address)
    return _actor(principal, address)


def _actor(principal: Principal, ip_address: str) -> Actor:
    return Actor(kind=principal.kind.value, id=principal.pk, label=principal.label, ip_address=ip_address)


def as_person(actor: Actor, user: User) -> Actor:
    """The same place, and the person who turned out to stand there."""
    return Actor(kind="person", id=user.pk, label=user.email, ip_address=actor.ip_address)


def record(
    actor: Actor,
    action: str,
    *,
    workspace_id: UUID | None,
    object_type: str = "",
    object_id: object = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add a line; ``details`` must hold neither secrets nor texts of customers."""
    record_many(
        actor, action, workspace_id=workspace_id, object_type=object_type, objects=[(object_id, dict(details or {}))]
    )


def record_many(
    actor: Actor,
    action: str,
    *,
    workspace_id: UUID | None,
    object_type: str,
    objects: Iterable[tuple[object, dict[str, Any]]],
) -> None:
    """A line for each object and its details, by one statement."""
    shared: dict[str, Any] = {
        "workspace_id": workspace_id,
        "action": action,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_label": actor.label[:200],
        "object_type": object_type,
        "ip_address": actor.ip_address or None,
        "request_id": request_id.get(),
    }
    AuditEvent.objects.bulk_create(
        AuditEvent(**shared, object_id=str(object_id), details=details) for object_id, details in objects
    )
