"""Moves stored secrets to the newest of ENCRYPTION_KEYS; afterwards the older keys can go."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import models
from django.db.models.functions import Cast

from chatsphere.core.encryption import EncryptedTextField, decrypt, is_current

BATCH = 500


class Command(BaseCommand):
    """Rows are moved one by one, each in a statement of its own: it can be stopped and started again at any time."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        for model, field in encrypted_fields():
            moved = _move_all(model, field)
            self.stdout.write(f"{model._meta.label}.{field}: {moved} values moved to the newest key")


def encrypted_fields() -> list[tuple[type[models.Model], str]]:
    """Every encrypted field of every model."""
    return [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, EncryptedTextField)
    ]


def _move_all(model: type[models.Model], field: str) -> int:
    # Cast shows the stored text instead of the decrypted one.
    rows = model._base_manager.annotate(stored=Cast(field, models.TextField()))
    pairs = rows.exclude(stored="").exclude(stored=None).values_list("pk", "stored").iterator(BATCH)
    stale = [(pk, stored) for pk, stored in pairs if not is_current(stored)]
    # A value that somebody changes meanwhile is under the newest key already: the condition then finds nothing.
    return sum(rows.filter(pk=pk, stored=stored).update(**{field: decrypt(stored)}) for pk, stored in stale)
