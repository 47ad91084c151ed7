"""Secrets at rest: Fernet (AES-128-CBC with HMAC-SHA-256) under versioned keys from ENCRYPTION_KEYS, newest first.

A stored value reads ``<key id>:<token>``, so that it is known which key is still needed. ``manage.py rotate_encryption`` moves all of
them to the newest key. A model stores a secret in an ``EncryptedTextField``; in Python it is the plain text.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import models


class CannotDecrypt(Exception):
    """The key of this value is not among ENCRYPTION_KEYS, or the value was changed."""


def encrypt(text: str) -> str:
    """The text under the newest key; every call gives another result."""
    newest = settings.ENCRYPTION_KEYS[0]
    return f"{key_id(newest)}:{_fernet(newest).encrypt(text.encode()).decode('ascii')}"


def decrypt(stored: str) -> str:
    """The text again. Raises CannotDecrypt."""
    wanted, _colon, token = stored.partition(":")
    key = next((one for one in settings.ENCRYPTION_KEYS if key_id(one) == wanted), None)
    if key is None:
        raise CannotDecrypt(f"no key with the id {wanted[:8]!r} is in ENCRYPTION_KEYS")
    try:
        return _fernet(key).decrypt(token.encode("ascii", "replace")).decode()
    except InvalidToken as error:
        raise CannotDecrypt("the stored value was changed") from error


def is_current(stored: str) -> bool:
    """Whether a stored value stands under the newest key."""
    return stored.startswith(f"{key_id(settings.ENCRYPTION_KEYS[0])}:")


def key_id(key: str) -> str:
    """A short name of a key that says nothing about it."""
    return hashlib.sha256(b"chatsphere key id:" + key.encode()).hexdigest()[:8]


@lru_cache(maxsize=16)
def _fernet(key: str) -> Fernet:
    return Fernet(key)


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that stands encrypted in the database and cannot be searched for. Empty text stays empty."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return encrypt(text) if text else text

    def from_db_value(self, value: Any, expression: object, connection: object) -> Any:
        return decrypt(value) if value else value
