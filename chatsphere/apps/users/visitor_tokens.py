"""Signed visitor tokens: a short JWT in ``X-Visitor-Token``, beside an API key, in which the customer's server says who is asking.

The customer signs it (HS256) with the identity secret of one chatbot; ``aud`` names that chatbot. A key that comes with one acts for this
visitor alone. Pure functions; the caller fetches the secrets between ``read`` and ``on_behalf_of``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import jwt
from django.utils.translation import gettext as _

from chatsphere.core.encryption import CannotDecrypt, decrypt
from chatsphere.core.exceptions import Unauthenticated
from chatsphere.core.principal import Principal, PrincipalKind, VerifiedVisitor

HEADER = "X-Visitor-Token"
ALGORITHM = "HS256"
LONGEST_TOKEN = 12_000
LONGEST_LIFE_SECONDS = 86_400
CLOCK_SKEW_SECONDS = 30
MOST_ATTRIBUTES = 50
LONGEST_ATTRIBUTES = 8_000
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token whose signature nobody has looked at yet."""

    text: str
    workspace_id: UUID
    chatbot_id: UUID

    @property
    def lookup(self) -> dict[str, Any]:
        """What the statement ``identity_secrets`` asks for."""
        return {"workspace_id": self.workspace_id, "chatbot_id": self.chatbot_id}


def refuse_alone(token: str | None) -> None:
    """A token without a key says who asks but not what they may. Raises Unauthenticated."""
    if token is not None:
        raise _bad()


def read(token: str, principal: Principal) -> SignedToken:
    """Which chatbot the token is for. Raises Unauthenticated: no token, beside a person, or for a chatbot out of the key's reach."""
    if principal.kind is PrincipalKind.PERSON or len(token) > LONGEST_TOKEN:
        raise _bad()
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        chatbot_id = UUID(claims["aud"])
    except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _bad() from error
    if not principal.may_use_chatbot(chatbot_id):
        raise _bad()
    return SignedToken(token, principal.workspace_id, chatbot_id)


def on_behalf_of(principal: Principal, token: SignedToken, secrets: Sequence[Mapping[str, Any]]) -> Principal:
    """The principal, bound to the visitor and to their chatbot. ``secrets`` are the encrypted ones of the chatbot, in any order.

    Raises Unauthenticated when none of them signed the token, or when it says something that it must not.
    """
    for row in secrets:
        claims = _checked(token, row["secret"])
        if claims is not None:
            return replace(
                principal, chatbot_ids=frozenset({token.chatbot_id}), visitor=_visitor(token.chatbot_id, claims)
            )
    raise _bad()


def _checked(token: SignedToken, stored: str) -> dict[str, Any] | None:
    try:
        claims: dict[str, Any] = jwt.decode(
            token.text,
            decrypt(stored),
            algorithms=[ALGORITHM],
            audience=str(token.chatbot_id),
            leeway=CLOCK_SKEW_SECONDS,
            options={"require": ["exp", "sub", "aud"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise Unauthenticated(
            _("The visitor token has expired. Sign a new one."), type="visitor_token_expired"
        ) from error
    except (jwt.PyJWTError, CannotDecrypt, ValueError, TypeError, OverflowError):
        return None
    return claims


def _visitor(chatbot_id: UUID, claims: Mapping[str, Any]) -> VerifiedVisitor:
    if float(claims["exp"]) > time.time() + LONGEST_LIFE_SECONDS + CLOCK_SKEW_SECONDS:
        raise _bad()
    return VerifiedVisitor(
        chatbot_id=chatbot_id,
        external_id=_text(claims["sub"], is_required=True),
        name=_text(claims.get("name", "")),
        email=_text(claims.get("email", "")),
        attributes=_attributes(claims.get("attributes", {})),
    )


def _attributes(given: Any) -> dict[str, str | list[str]]:
    if not isinstance(given, dict) or len(given) > MOST_ATTRIBUTES or len(str(given)) > LONGEST_ATTRIBUTES:
        raise _bad()
    return {_text(name, is_required=True): _value(value) for name, value in given.items()}


def _value(value: Any) -> str | list[str]:
    return [_text(item) for item in value] if isinstance(value, list) else _text(value)


def _text(value: Any, *, is_required: bool = False) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or (is_required and not value.strip()):
        raise _bad()
    if any(ord(letter) < 32 or 0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        raise _bad()
    return value


def _bad() -> Unauthenticated:
    return Unauthenticated(
        _("The visitor token in X-Visitor-Token is not valid for this key and chatbot."), type="invalid_visitor_token"
    )
