"""`manage.py rotate_encryption` moves stored secrets to the newest key."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command

from chatsphere.apps.users.models import OutgoingMail
from chatsphere.core.encryption import CannotDecrypt

pytestmark = pytest.mark.django_db
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_after_the_rotation_the_old_key_can_go(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = (OLD,)
    mail = OutgoingMail.objects.create(recipient="a@example.com", subject="s", body="a secret code")
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    out = StringIO()

    call_command("rotate_encryption", stdout=out)
    settings.ENCRYPTION_KEYS = (NEW,)

    assert OutgoingMail.objects.get(pk=mail.pk).body == "a secret code"
    assert "users.OutgoingMail.body: 1 values moved" in out.getvalue()


def test_without_the_rotation_it_cannot(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = (OLD,)
    mail = OutgoingMail.objects.create(recipient="a@example.com", subject="s", body="a secret code")
    settings.ENCRYPTION_KEYS = (NEW,)

    with pytest.raises(CannotDecrypt):
        OutgoingMail.objects.get(pk=mail.pk)


def test_rotating_twice_moves_nothing_the_second_time(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = (OLD,)
    OutgoingMail.objects.create(recipient="a@example.com", subject="s", body="a secret code")
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    call_command("rotate_encryption", stdout=StringIO())
    out = StringIO()

    call_command("rotate_encryption", stdout=out)

    assert "users.OutgoingMail.body: 0 values moved" in out.getvalue()
