"""What a view asks of the one who calls it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from chatsphere.core.exceptions import Forbidden
from chatsphere.core.principal import ROLE_RANK, Principal, PrincipalKind
from chatsphere.core.principal import principal_of as principal_of


class IsMember(BasePermission):
    """The view names its needs: ``scope`` is the noun of a key's scope (``chatbots`` → ``chatbots:read`` / ``chatbots:write``),
    ``read_role`` and ``write_role`` the least role of a person (viewer and editor when not named). A whole scope with a colon or
    ``chat`` is taken as it stands. ``visitors_may`` are methods that a key with ``chat`` alone may use, too; the view then shows what a visitor
    may see."""

    def has_permission(self, request: Request, view: Any) -> bool:
        principal, method = principal_of(request), request.method or "GET"
        if method in getattr(view, "visitors_may", ()) and "chat" in principal.scopes:
            return True
        require(principal, **needs(view, method))
        return True


def needs(view: Any, method: str) -> dict[str, str]:
    """Scope and role that a view asks for a method."""
    is_read = method in SAFE_METHODS
    noun = str(getattr(view, "scope", ""))
    scope = noun if ":" in noun or noun == "chat" else f"{noun}:{'read' if is_read else 'write'}"
    role = getattr(view, "read_role", "viewer") if is_read else getattr(view, "write_role", "editor")
    return {"scope": scope, "role": str(role)}


def require(principal: Principal, *, scope: str, role: str) -> None:
    """Raise Forbidden unless the person's role or the key's scopes suffice."""
    require_second_factor(principal)
    if not principal.may(scope=scope, role=role):
        raise Forbidden


def require_second_factor(principal: Principal) -> None:
    """Raise Forbidden for a person without a second factor in a workspace that asks its members for one."""
    if principal.lacks_second_factor:
        raise Forbidden(
            _("This workspace asks its members for a second factor. Set one up at /api/v1/auth/second-factor/."),
            type="second_factor_required",
        )


def require_role(role: str, least: str) -> None:
    """Raise Forbidden unless ``role`` is ``least`` or higher; for a workspace that the path names."""
    if ROLE_RANK.get(role, -1) < ROLE_RANK[least]:
        raise Forbidden


def person_of(request: Any) -> UUID:
    """The id of the person who asks. Raises Forbidden for a key."""
    user_id = principal_of(request).user_id
    if user_id is None:
        raise Forbidden
    return user_id


class IsPerson(BasePermission):
    """A signed-in person with at least ``role``; keys are refused, whatever their scopes."""

    role = "viewer"

    def has_permission(self, request: Request, view: Any) -> bool:
        principal = principal_of(request)
        if principal.kind is not PrincipalKind.PERSON:
            raise Forbidden
        if not getattr(view, "is_open_without_second_factor", False):
            require_second_factor(principal)
        require_role(principal.role, self.role)
        return True
