"""Joining, signing in, one's own profile."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.users import attempts, audit, mail
from chatsphere.apps.users.actions.second_factor import require_code
from chatsphere.apps.users.actions.sessions import SessionTokens, open_session
from chatsphere.apps.users.audit import SYSTEM, Actor
from chatsphere.apps.users.flags import REGISTRATION
from chatsphere.apps.users.mailboxes import spellings
from chatsphere.apps.users.models import Invitation, User, Workspace
from chatsphere.core.addresses import limited_as
from chatsphere.core.exceptions import Forbidden, Invalid, Unauthenticated


@dataclass(frozen=True, slots=True)
class Registration:
    """A new person, the workspace they own and their first session."""

    user: User
    workspace: Workspace
    tokens: SessionTokens


def register(
    *,
    email: str,
    password: str,
    company_name: str = "",
    name: str = "",
    user_agent: str = "",
    actor: Actor = SYSTEM,
) -> Registration:
    """A person with a workspace, signed in. Raises Invalid for a taken address or a weak password, Throttled for too many,
    Forbidden for a stranger while registration is switched off."""
    attempts.admit("registration", limited_as(actor.ip_address))
    _require_open_door(email)
    check_password_strength(password, User(email=email, name=name))
    if person_with(email) is not None:
        raise _taken()
    try:
        with transaction.atomic():
            user = User.objects.create_user(email=email, password=password, name=name, company_name=company_name)
            _audit_registration(user, actor)
            session = open_session(user=user, user_agent=user_agent, actor=actor)
    except IntegrityError as error:
        raise _taken() from error
    return Registration(user=user, workspace=user.home_workspace, tokens=session)


@transaction.atomic
def register_quietly(
    *, email: str, password: str, company_name: str = "", name: str = "", actor: Actor = SYSTEM
) -> User | None:
    """Where addresses must be proven: a person without a session, or None for a taken address (its owner is told by mail).

    Raises Invalid for a weak password, Throttled for too many, Forbidden for a stranger while registration is switched off.
    """
    attempts.admit("registration", limited_as(actor.ip_address))
    _require_open_door(email)
    check_password_strength(password, User(email=email, name=name))
    user = person_with(email)
    if user is not None:
        make_password(password)  # as long as a new account takes
        mail.post(
            recipient=user.email,
            subject=_("You have a ChatSphere account already"),
            body=_("Somebody, hopefully you, tried to register with this address. Sign in, or reset your password."),
        )
        return None
    try:
        with transaction.atomic():
            user = User.objects.create_user(email=email, password=password, name=name, company_name=company_name)
    except IntegrityError:
        return None
    _audit_registration(user, actor)
    return user


def sign_in(*, email: str, password: str, code: str = "", user_agent: str = "", actor: Actor = SYSTEM) -> SessionTokens:
    """Tokens for an address and its password, and the code of a person who has a second factor.

    Raises Unauthenticated with one answer, after the same work, whatever was wrong with address and password; who had both right is told
    of a code that lacks or is wrong. Raises Throttled after too many attempts.
    """
    attempts.admit_sign_in(email, actor.ip_address)
    user = _checked(email, password)
    if user is None:
        attempts.note_failure(email, actor.ip_address)
        audit.record(actor, "session.refused", workspace_id=None, details={"account": attempts.account(email)})
        raise Unauthenticated(_("The e-mail address or the password is not right."), type="invalid_credentials")
    require_code(user, code, actor)
    attempts.note_success(email, actor.ip_address)
    return open_session(user=user, user_agent=user_agent, actor=actor)


def _checked(email: str, password: str) -> User | None:
    user = person_with(email)
    if user is None:
        make_password(password)  # as long as checking one takes
        return None
    is_open = user.is_active and (user.is_email_verified or not settings.EMAIL_VERIFICATION_REQUIRED)
    return user if user.check_password(password) and is_open else None


def change_profile(*, user_id: UUID, name: str) -> None:
    """Change what a person may change about themselves."""
    with transaction.atomic():
        User.objects.filter(pk=user_id).update(name=name)
        workspace_id = User.objects.values_list("default_workspace_id", flat=True).get(pk=user_id)
        audit.record(
            audit.current(), "profile.changed", workspace_id=workspace_id, object_type="user", object_id=user_id
        )


def person_with(email: str) -> User | None:
    """The person with this address, however it is spelled."""
    return User.objects.alias(lower_email=Lower("email")).filter(lower_email__in=spellings(email)).first()


def check_password_strength(password: str, user: User, *, field: str = "password") -> None:
    """Raise Invalid, with every reason, for a password that is short, common or too like the person's own data."""
    try:
        validate_password(password, user=user)
    except ValidationError as error:
        raise Invalid(fields={field: list(error.messages)}) from error


def _require_open_door(email: str) -> None:
    """Who is invited may always come in."""
    if REGISTRATION.is_on():
        return
    invited = Invitation.objects.filter(email__iexact=email, accepted_at=None, expires_at__gt=timezone.now())
    if not invited.filter(workspace__deleted_at=None).exists():
        raise Forbidden(_("Nobody can register here at the moment. Ask for an invitation."), type="registration_closed")


def _audit_registration(user: User, actor: Actor) -> None:
    audit.record(
        audit.as_person(actor, user),
        "user.registered",
        workspace_id=user.default_workspace_id,
        object_type="user",
        object_id=user.pk,
    )


def _taken() -> Invalid:
    return Invalid(fields={"email": [_("An account with this address exists already. Sign in instead.")]})
