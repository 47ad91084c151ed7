"""Secrets at rest."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet

from chatsphere.core.encryption import CannotDecrypt, EncryptedTextField, decrypt, encrypt, is_current, key_id

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def keys(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = (OLD,)


def test_what_is_encrypted_comes_back_and_never_looks_the_same_twice() -> None:
    first, second = encrypt("whsec_ä"), encrypt("whsec_ä")

    assert first != second
    assert "whsec" not in first
    assert decrypt(first) == decrypt(second) == "whsec_ä"


def test_a_newer_key_is_used_for_new_values_and_old_ones_still_open(settings: Any) -> None:
    old = encrypt("secret")
    settings.ENCRYPTION_KEYS = (NEW, OLD)

    assert decrypt(old) == "secret"
    assert not is_current(old)
    assert encrypt("secret").startswith(key_id(NEW))


def test_without_its_key_a_value_stays_closed(settings: Any) -> None:
    old = encrypt("secret")
    settings.ENCRYPTION_KEYS = (NEW,)

    with pytest.raises(CannotDecrypt):
        decrypt(old)


@pytest.mark.parametrize(
    "change", [lambda v: v[:-2] + "AA", lambda v: v.partition(":")[2], lambda v: "", lambda v: v[:9] + "ä" + v[10:]]
)
def test_a_changed_value_is_refused(change: Any) -> None:
    with pytest.raises(CannotDecrypt):
        decrypt(change(encrypt("secret")))


def test_the_field_encrypts_on_its_way_to_the_database_and_back() -> None:
    field = EncryptedTextField()

    stored = field.get_prep_value("secret")

    assert stored != "secret"
    assert field.from_db_value(stored, None, None) == "secret"
    assert field.get_prep_value("") == ""
    assert field.from_db_value("", None, None) == ""
