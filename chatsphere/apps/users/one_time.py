"""Codes that are good once or for a while: password reset, e-mail address, invitation."""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.utils.translation import gettext as _

from chatsphere.apps.users.models import User
from chatsphere.core.exceptions import Invalid

VERIFICATION_SECONDS = 3 * 86_400
SALT = "chatsphere.users.email"


def reset_code(user: User) -> str:
    """Good once and for PASSWORD_RESET_TIMEOUT: it depends on the present password."""
    return f"{user.pk.hex}.{default_token_generator.make_token(user)}"


def user_of_reset(code: str) -> User:
    """The person of a reset code, locked until the transaction ends. Raises Invalid."""
    hex_id, _dot, token = code.partition(".")
    try:
        user = User.objects.select_for_update(of=("self",)).filter(pk=UUID(hex_id), is_active=True).first()
    except ValueError as error:
        raise bad_code() from error
    if user is None or not default_token_generator.check_token(user, token):
        raise bad_code()
    return user


def verification_code(user: User) -> str:
    """Proves that its bearer reads the mail of this address."""
    return signing.dumps([user.pk.hex, user.email], salt=SALT, compress=False)


def read_verification(code: str) -> tuple[UUID, str]:
    """The person and the address of a code. Raises Invalid for a changed or old one."""
    try:
        hex_id, email = signing.loads(code, salt=SALT, max_age=VERIFICATION_SECONDS)
    except signing.BadSignature as error:
        raise bad_code() from error
    return UUID(hex_id), email


def hash_code(code: str) -> bytes:
    """How a random code is stored and looked up."""
    return hashlib.sha256(code.encode()).digest()


def bad_code() -> Invalid:
    """The one answer for every code that does not hold."""
    return Invalid(fields={"token": [_("This code is not valid or no longer valid. Ask for a new one.")]})
