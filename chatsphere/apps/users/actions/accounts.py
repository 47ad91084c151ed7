"""Joining, signing in, one's own profile."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from chatsphere.apps.users.actions.sessions import SessionTokens, open_session
from chatsphere.apps.users.models import User, Workspace
from chatsphere.core.exceptions import Invalid, Unauthenticated


@dataclass(frozen=True, slots=True)
class Registration:
    """A new person, the workspace they own and their first session."""

    user: User
    workspace: Workspace
    tokens: SessionTokens


def register(
    *, email: str, password: str, company_name: str = "", name: str = "", user_agent: str = "", ip_address: str = ""
) -> Registration:
    """A person with a workspace, signed in. Raises Invalid for a taken address or a weak password."""
    check_password_strength(password, User(email=email, name=name))
    if person_of(email) is not None:
        raise _taken()
    try:
        with transaction.atomic():
            user = User.objects.create_user(email=email, password=password, name=name, company_name=company_name)
            session = open_session(user=user, user_agent=user_agent, ip_address=ip_address)
    except IntegrityError as error:
        raise _taken() from error
    return Registration(user=user, workspace=user.home_workspace, tokens=session)


def sign_in(*, email: str, password: str, user_agent: str = "", ip_address: str = "") -> SessionTokens:
    """Tokens for an address and its password. Raises Unauthenticated with one answer, after the same work, whatever was wrong."""
    user = person_of(email)
    if user is None:
        make_password(password)
        raise _wrong()
    if not user.check_password(password) or not user.is_active:
        raise _wrong()
    return open_session(user=user, user_agent=user_agent, ip_address=ip_address)


def change_profile(*, user_id: UUID, name: str) -> None:
    """Change what a person may change about themselves."""
    User.objects.filter(pk=user_id).update(name=name)


def person_of(email: str) -> User | None:
    """The person with this address, in whatever case it is written."""
    return User.objects.alias(lower_email=Lower("email")).filter(lower_email=email.lower()).first()


def check_password_strength(password: str, user: User) -> None:
    """Raise Invalid, with every reason, for a password that is short, common or too like the person's own data."""
    try:
        validate_password(password, user=user)
    except ValidationError as error:
        raise Invalid(fields={"password": list(error.messages)}) from error


def _taken() -> Invalid:
    return Invalid(fields={"email": [_("An account with this address exists already. Sign in instead.")]})


def _wrong() -> Unauthenticated:
    return Unauthenticated(_("The e-mail address or the password is not right."), type="invalid_credentials")
