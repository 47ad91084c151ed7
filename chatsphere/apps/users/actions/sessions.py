"""Signing in and out: one Session row a place, one good refresh token a session."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.users import audit, tokens
from chatsphere.apps.users.audit import SYSTEM, Actor
from chatsphere.apps.users.models import Session, User
from chatsphere.apps.users.tokens import Claims, TokenType
from chatsphere.core.exceptions import NotFound, Unauthenticated
from chatsphere.core.identifiers import new_id


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """A pair of tokens as the client gets it, and the session they belong to."""

    access: str
    refresh: str
    session_id: UUID


@transaction.atomic
def open_session(*, user: User, user_agent: str = "", actor: Actor = SYSTEM) -> SessionTokens:
    """Sign a person in whose password was checked already."""
    now = timezone.now()
    session = Session.objects.create(
        user=user,
        current_jti=new_id(),
        user_agent=user_agent[:300],
        ip_address=actor.ip_address or None,
        expires_at=tokens.expiry(TokenType.REFRESH, now),
    )
    User.objects.filter(pk=user.pk).update(last_login=now)
    _audit(audit.as_person(actor, user), "session.opened", user, session.pk)
    return _pair(user.pk, session.pk, session.current_jti)


def refresh_session(*, refresh: str, actor: Actor = SYSTEM) -> SessionTokens:
    """Exchange a refresh token for a new pair. Raises Unauthenticated; a token that was exchanged before ends its session.

    One conditional update decides: of two requests with the same token exactly one wins, and the other ends the session.
    """
    claims = tokens.read(refresh, TokenType.REFRESH)
    now, successor = timezone.now(), new_id()
    # No condition over a join: Django makes a subquery of it, which PostgreSQL does not look at again after waiting for the other update.
    active = Exists(User.objects.filter(pk=OuterRef("user_id"), is_active=True))
    alive = Session.objects.filter(
        active, pk=claims.session_id, user_id=claims.user_id, ended_at=None, expires_at__gt=now
    )
    rotated = alive.filter(current_jti=claims.jti).update(
        current_jti=successor, last_used_at=now, expires_at=tokens.expiry(TokenType.REFRESH, now)
    )
    if rotated:
        return _pair(claims.user_id, claims.session_id, successor)
    raise _refused(claims, actor)


def _refused(claims: Claims, actor: Actor) -> Unauthenticated:
    if not _end(claims.user_id, claims.session_id, "refresh_reused", actor):
        return Unauthenticated(_("This session has ended. Sign in again."), type="session_ended")
    return Unauthenticated(
        _("This refresh token was used before, so its session has been ended. Sign in again."), type="refresh_reused"
    )


def sign_out(*, refresh: str, actor: Actor = SYSTEM) -> None:
    """End the session of a refresh token; ending it twice is no error. Raises Unauthenticated for a bad token."""
    claims = tokens.read(refresh, TokenType.REFRESH)
    _end(claims.user_id, claims.session_id, "signed_out", actor)


def end_session(*, user_id: UUID, session_id: UUID, actor: Actor = SYSTEM) -> None:
    """End one session of this person. Raises NotFound for a stranger's or one that ended already."""
    if not _end(user_id, session_id, "ended_by_person", actor):
        raise NotFound


def end_sessions(*, user_id: UUID, reason: str, except_session: UUID | None = None) -> int:
    """End all sessions of a person but perhaps one; how many were open."""
    sessions = Session.objects.filter(user_id=user_id, ended_at=None)
    if except_session is not None:
        sessions = sessions.exclude(pk=except_session)
    return sessions.update(ended_at=timezone.now(), end_reason=reason)


@transaction.atomic
def _end(user_id: UUID, session_id: UUID, reason: str, actor: Actor) -> bool:
    open_one = Session.objects.filter(pk=session_id, user_id=user_id, ended_at=None)
    if not open_one.update(ended_at=timezone.now(), end_reason=reason):
        return False
    user = User.objects.get(pk=user_id)
    _audit(audit.as_person(actor, user), "session.ended", user, session_id, reason=reason)
    return True


def _audit(actor: Actor, action: str, user: User, session_id: UUID, **details: str) -> None:
    audit.record(
        actor,
        action,
        workspace_id=user.default_workspace_id,
        object_type="session",
        object_id=session_id,
        details=details,
    )


def _pair(user_id: UUID, session_id: UUID, jti: UUID) -> SessionTokens:
    return SessionTokens(
        access=tokens.issue(TokenType.ACCESS, user_id=user_id, session_id=session_id),
        refresh=tokens.issue(TokenType.REFRESH, user_id=user_id, session_id=session_id, jti=jti),
        session_id=session_id,
    )
