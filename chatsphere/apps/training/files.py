"""Uploads that no source knows: what a crash left between the storage, which knows no transactions, and the database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.core.files.storage import Storage
from django.utils import timezone

from chatsphere.apps.training.models import TrainingSource
from chatsphere.apps.training.models.source import UPLOADS

logger = logging.getLogger("chatsphere.training")

YOUNG: Final = timedelta(hours=1)  # a file this young may belong to an upload that is not committed yet
_BATCH: Final = 500


def remove_orphans() -> int:
    """Delete uploads older than an hour that no source refers to; returns how many. Reads the whole listing of the storage."""
    storage: Storage = TrainingSource._meta.get_field("file").storage
    removed = 0
    for batch in _batches(_files(storage, UPLOADS)):
        known = set(TrainingSource.objects.filter(file__in=batch).values_list("file", flat=True))
        for name in batch:
            if name not in known and storage.get_modified_time(name) < timezone.now() - YOUNG:
                storage.delete(name)
                removed += 1
    if removed:
        logger.warning("%s uploads belonged to no source and were removed.", removed)
    return removed


def _files(storage: Storage, folder: str) -> Iterator[str]:
    try:
        folders, names = storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{name}" for name in names)
    for each in folders:
        yield from _files(storage, f"{folder}/{each}")


def _batches(names: Iterator[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for name in names:
        batch.append(name)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
