"""Making a backup, proving it, and bringing it back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from uuid import uuid4

from django.conf import settings

import chatsphere
from chatsphere.backups import database
from chatsphere.backups.archive import DUMP, Archive, ArchiveWriter, Manifest, open_archive
from chatsphere.backups.errors import BackupError
from chatsphere.backups.files import check_files, load_files, save_files
from chatsphere.backups.golden import ask_golden_questions
from chatsphere.backups.sealing import read_key
from chatsphere.core.encryption import key_id

PATTERN = "chatsphere-*.backup"


@dataclass(frozen=True, slots=True)
class Proof:
    """What ``verify`` found equal to the manifest."""

    tables: int
    rows: int
    files: int
    made_at: str
    questions: int = 0  # golden ones that found their source


def back_up(out: IO[bytes], *, key: str = "") -> Manifest:
    """Write the database at one moment and the files it names to ``out``; a pipe will do.

    Nothing is locked and nobody waits; memory stays constant. With ``key`` (as ``chatsphere createkey`` prints it) everything is sealed. Raises BackupError.
    """
    writer = ArchiveWriter(out, read_key(key) if key else None)
    with database.snapshot(_address()) as (connection, moment):
        manifest = _describe(connection)
        with writer.part(DUMP) as part:
            database.dump(_address(), moment, part)  # type: ignore[arg-type]  # only write() is used
        manifest.dump_sha256 = part.sha256
        save_files(writer, manifest, connection)
    writer.finish(manifest)
    return manifest


def back_up_to_folder(folder: Path, *, key: str = "", keep: int = 0) -> Path:
    """A backup named by its time, complete or not there at all (mode 0600). With ``keep`` only that many newest ones stay in the folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"chatsphere-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.backup"
    unfinished = path.with_suffix(".unfinished")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        back_up(out, key=key)
        out.flush()
        os.fsync(out.fileno())
    unfinished.replace(path)
    for old in sorted(folder.glob(PATTERN))[:-keep] if keep else []:
        old.unlink()
    return path


def verify(path: Path, *, key: str = "") -> Proof:
    """Restore into a scratch database beside the real one, compare rows, migrations and checksums with the manifest, ask it
    questions whose sources are known, drop it again.

    PostgreSQL checks every constraint while it restores. Costs the time and space of a restore. Raises BackupError at the first difference.
    """
    with _opened(path, key) as archive:
        manifest = archive.manifest
        with database.scratch(_address(), f"chatsphere_verify_{uuid4().hex[:12]}") as url:
            _load_database(archive, url)
            questions = ask_golden_questions(url)
        files = check_files(archive)
        return Proof(len(manifest.rows), sum(manifest.rows.values()), files, manifest.made_at, questions)


def restore(path: Path, *, key: str = "") -> Proof:
    """Bring a backup back into the empty database of DATABASE_URL and its files into the storage. Raises BackupError.

    The database comes back whole or not at all; files that are there already are left alone.
    """
    with _opened(path, key) as archive:
        manifest = archive.manifest
        known = {key_id(each) for each in settings.ENCRYPTION_KEYS}
        if not known.intersection(manifest.key_ids):
            raise BackupError(
                f"None of ENCRYPTION_KEYS is a key of this backup ({', '.join(manifest.key_ids)}); its stored secrets could never be read. "
                "Set the keys that belonged to it."
            )
        with database.connect(_address()) as connection:
            if not database.is_empty(connection):
                raise BackupError("The database has tables already; restore into an empty one.")
        _load_database(archive, _address())
        files = load_files(archive)
        return Proof(len(manifest.rows), sum(manifest.rows.values()), files, manifest.made_at)


def _address() -> str:
    """Of the database itself: a pooler knows no snapshots and makes no databases."""
    return str(settings.DATABASE_DIRECT_URL or settings.DATABASE_URL)


def _describe(connection: database.Connection) -> Manifest:
    applied = connection.execute("SELECT app || '.' || name FROM django_migrations ORDER BY id").fetchall()
    return Manifest(
        version=chatsphere.__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        server=str(connection.info.server_version),
        rows=database.count_rows(connection),
        key_ids=[key_id(each) for each in settings.ENCRYPTION_KEYS],
        migrations=[name for (name,) in applied],
    )


def _load_database(archive: Archive, url: str) -> None:
    with archive.part(DUMP, archive.manifest.dump_sha256) as dump:
        database.load(url, dump)
    with database.connect(url) as connection:
        found = database.count_rows(connection)
    if found != archive.manifest.rows:
        tables = sorted(
            name
            for name in found.keys() | archive.manifest.rows.keys()
            if found.get(name) != archive.manifest.rows.get(name)
        )
        raise BackupError(f"These tables came back with other row counts than the backup says: {', '.join(tables)}.")


@contextmanager
def _opened(path: Path, key: str) -> Iterator[Archive]:
    with open_archive(path, read_key(key) if key else None) as archive:
        yield archive
