"""The uploaded files: which ones rows name, and how they go out of and into the storage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, cast

from django.apps import apps
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db.models import FileField
from psycopg import sql

from chatsphere.backups.archive import FILES, Archive, ArchiveWriter, Manifest, copy
from chatsphere.backups.database import Connection
from chatsphere.backups.errors import BackupError


def save_files(writer: ArchiveWriter, manifest: Manifest, connection: Connection) -> None:
    """Put every file that a row names into the archive and note its checksum; a file that is gone is noted as missing."""
    for name in named_files(connection):
        try:
            source = default_storage.open(name)
        except FileNotFoundError:
            manifest.missing.append(name)
            continue
        with source, writer.part(FILES + name) as part:
            copy(cast("IO[bytes]", source), part)
        manifest.files[name] = part.sha256


def load_files(archive: Archive) -> int:
    """Write every file of the archive into the storage; one that is there already stays. Returns how many were written."""
    written = 0
    for name, sha256 in archive.manifest.files.items():
        if default_storage.exists(name):
            continue
        with archive.part(FILES + name, sha256) as part:
            stored = default_storage.save(name, File(part))
        if stored != name:
            raise BackupError(f"The storage took {name} under another name ({stored}); restore into an empty storage.")
        written += 1
    return written


def check_files(archive: Archive) -> int:
    """Compare every file with its checksum. Returns how many there are. Raises BackupError at the first that differs."""
    for name, sha256 in archive.manifest.files.items():
        with archive.part(FILES + name, sha256):
            pass
    return len(archive.manifest.files)


def named_files(connection: Connection) -> Iterator[str]:
    """The names that rows of this snapshot have in their file columns, each once."""
    seen: set[str] = set()
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if not isinstance(field, FileField) or model._meta.proxy:
                continue
            column, table = sql.Identifier(str(field.column)), sql.Identifier(model._meta.db_table)
            query = sql.SQL("SELECT DISTINCT {0} FROM {1} WHERE {0} <> ''").format(column, table)
            for (name,) in connection.execute(query):
                if name not in seen:
                    seen.add(name)
                    yield name
