"""Who asks: the answer of authentication, the same for DRF and async views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from chatsphere.core.exceptions import Unauthenticated


class PrincipalKind(StrEnum):
    PERSON = "person"
    SECRET_KEY = "secret_key"  # noqa: S105 - a kind, no secret
    PUBLISHABLE_KEY = "publishable_key"


ROLE_RANK = {"viewer": 0, "editor": 1, "admin": 2, "owner": 3}


@dataclass(frozen=True, slots=True)
class VerifiedVisitor:
    """Who asks a chatbot, as the customer's server signed it in ``X-Visitor-Token``. Its attributes are texts or lists of texts."""

    chatbot_id: UUID
    external_id: str
    name: str = ""
    email: str = ""
    attributes: Mapping[str, str | list[str]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """A credential that was checked just now. ``workspace_id`` comes from its row; a body or header never makes one up."""

    kind: PrincipalKind
    workspace_id: UUID
    role: str = ""  # of a person in this workspace; keys have scopes instead
    scopes: frozenset[str] = frozenset()
    chatbot_ids: frozenset[UUID] | None = None  # None: every chatbot of the workspace
    user_id: UUID | None = None
    session_id: UUID | None = None
    api_key_id: UUID | None = None
    label: str = ""  # e-mail address or name of the key, for the audit trail
    visitor: VerifiedVisitor | None = (
        None  # for whom a key asks; it then reaches this visitor's chatbot and conversations only
    )
    lacks_second_factor: bool = False  # the workspace asks for one: nothing is allowed but to set it up
    catalog_version: int = field(
        default=0, compare=False
    )  # changes with the workspace's chatbots; part of keys of caches

    # DRF and Django ask these of `request.user`.
    is_authenticated = True
    is_anonymous = False
    is_active = True

    @property
    def pk(self) -> UUID:
        return self.user_id or self.api_key_id or self.workspace_id

    def may(self, *, scope: str, role: str) -> bool:
        """A person needs at least ``role``; a key needs ``scope``."""
        if self.kind is PrincipalKind.PERSON:
            return ROLE_RANK.get(self.role, -1) >= ROLE_RANK[role]
        return scope in self.scopes

    def may_use_chatbot(self, chatbot_id: UUID) -> bool:
        return self.chatbot_ids is None or chatbot_id in self.chatbot_ids


def checked_already(request: Any) -> Principal | None:
    """Who asks, where a middleware in front of the view has checked the whole credential of this request; the view need not again."""
    user = getattr(request, "user", None)
    return user if isinstance(user, Principal) else None


def principal_of(request: Any) -> Principal:
    """Who asks, typed, where ``request.user`` is not. Raises Unauthenticated when nobody does."""
    principal = request.user
    if not isinstance(principal, Principal):
        raise Unauthenticated
    return principal
