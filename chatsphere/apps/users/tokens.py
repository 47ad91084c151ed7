"""The tokens people and servers carry: how they are made, read and compared. Pure functions; the database is asked elsewhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.core.exceptions import Unauthenticated
from chatsphere.core.identifiers import new_id

ALGORITHM = "HS256"
ISSUER = "chatsphere"
AUDIENCE = "chatsphere-api"
CLAIMS = ["exp", "iat", "jti", "aud", "iss", "sub", "sid", "token_type"]
CLOCK_SKEW = timedelta(seconds=5)

_API_KEY = re.compile(r"cs_(sk|pk)_([0-9a-f]{32})_([A-Za-z0-9_-]{43})\Z")
_WORDS = {"sk": "secret", "pk": "publishable"}


class TokenType(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a person's token says; whether it still holds, the session's row tells."""

    user_id: UUID
    session_id: UUID
    jti: UUID


@dataclass(frozen=True, slots=True)
class GivenKey:
    """An API key as it came in, not yet checked."""

    id: UUID
    kind: str
    secret: str


def bearer(authorization: str | None) -> str | None:
    """The token of an ``Authorization`` header; None without a header. Raises Unauthenticated for another scheme or shape."""
    if authorization is None:
        return None
    scheme, _space, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip() or " " in token.strip():
        raise Unauthenticated
    return token.strip()


def issue(token_type: TokenType, *, user_id: UUID, session_id: UUID, jti: UUID | None = None) -> str:
    """A signed token that holds for ACCESS_TOKEN_LIFETIME or REFRESH_TOKEN_LIFETIME from now."""
    now = timezone.now()
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user_id),
        "sid": str(session_id),
        "jti": str(jti or new_id()),
        "iat": now,
        "exp": expiry(token_type, now),
        "token_type": token_type.value,
    }
    return jwt.encode(claims, settings.JWT_SIGNING_KEY, algorithm=ALGORITHM)


def expiry(token_type: TokenType, now: datetime) -> datetime:
    """When a token made now ends."""
    lifetimes = {TokenType.ACCESS: settings.ACCESS_TOKEN_LIFETIME, TokenType.REFRESH: settings.REFRESH_TOKEN_LIFETIME}
    lifetime: timedelta = lifetimes[token_type]
    return now + lifetime


def read(token: str, token_type: TokenType) -> Claims:
    """The claims of a token of this type. Raises Unauthenticated when signature, time, audience, issuer or type is wrong."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            settings.JWT_SIGNING_KEY,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=CLOCK_SKEW,
            # A clock that was set back must not sign everybody out: when a token was made is written down, but not compared.
            options={"require": CLAIMS, "verify_iat": False},
        )
        if claims["token_type"] != token_type:
            raise Unauthenticated
        return Claims(UUID(claims["sub"]), UUID(claims["sid"]), UUID(claims["jti"]))
    except jwt.ExpiredSignatureError as error:
        raise Unauthenticated(_("This token has expired. Get a new one."), type="token_expired") from error
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated from error


def read_key(token: str) -> GivenKey | None:
    """The parts of an API key; None when the token is no API key at all. Raises Unauthenticated for a damaged one."""
    if not token.startswith(("cs_sk_", "cs_pk_")):
        return None
    match = _API_KEY.match(token)
    if match is None:
        raise Unauthenticated
    word, hex_id, secret = match.groups()
    return GivenKey(id=UUID(hex_id), kind=_WORDS[word], secret=secret)


def key_prefix(kind: str, key_id: UUID) -> str:
    """The part of a key that may be shown: ``cs_sk_<id>``."""
    word = next(short for short, long in _WORDS.items() if long == kind)
    return f"cs_{word}_{key_id.hex}"


def new_secret() -> str:
    """32 random bytes as 43 characters."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> bytes:
    """What is stored of a key's secret: HMAC-SHA-256 under a key derived from the newest of ENCRYPTION_KEYS."""
    return _hmac(_pepper(settings.ENCRYPTION_KEYS[0]), secret)


def is_secret(secret: str, stored: bytes) -> bool:
    """Whether the secret belongs to the stored hash, under any of ENCRYPTION_KEYS; takes the same time whichever it is."""
    matches = [hmac.compare_digest(_hmac(_pepper(key), secret), bytes(stored)) for key in settings.ENCRYPTION_KEYS]
    return any(matches)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


@lru_cache(maxsize=16)
def _pepper(encryption_key: str) -> bytes:
    return _hmac(base64.urlsafe_b64decode(encryption_key), "chatsphere api keys")
