"""One backup as one file: a ZIP with the dump, the uploaded files, and a manifest that tells what all of it must be.

It is written as a stream, to a pipe if need be; with a key it is sealed on the way (``sealing``).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from chatsphere.backups.errors import BackupError
from chatsphere.backups.sealing import MAGIC, SealingWriter, unseal

MANIFEST = "manifest.json"
DUMP = "database.dump"
FILES = "files/"
LAYOUT = 1


@dataclass(slots=True)
class Manifest:
    """What a backup holds. ``rows`` and ``files`` are of one moment; ``missing`` are files that rows named but the storage did not have."""

    version: str
    made_at: str  # ISO 8601, UTC
    server: str  # of PostgreSQL
    rows: dict[str, int]
    key_ids: list[str]  # of ENCRYPTION_KEYS: without one of them stored secrets cannot be read
    migrations: list[str]
    dump_sha256: str = ""
    files: dict[str, str] = field(default_factory=dict)  # name in the storage → SHA-256
    missing: list[str] = field(default_factory=list)
    layout: int = LAYOUT


class ArchiveWriter:
    """Writes parts one after the other; the manifest comes last, when all checksums are known."""

    def __init__(self, out: IO[bytes], key: bytes | None) -> None:
        self._sealed = SealingWriter(out, key) if key else None
        self._zip = zipfile.ZipFile(cast("IO[bytes]", self._sealed or out), "w", zipfile.ZIP_STORED, allowZip64=True)

    @contextmanager
    def part(self, name: str) -> Iterator[HashingWriter]:
        with self._zip.open(name, "w", force_zip64=True) as part:
            yield HashingWriter(part)

    def finish(self, manifest: Manifest) -> None:
        self._zip.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1, ensure_ascii=False))
        self._zip.close()
        if self._sealed:
            self._sealed.close()


class HashingWriter:
    """Passes bytes on and knows the SHA-256 of all of them."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._out.write(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class _Nowhere:
    def write(self, data: bytes) -> int:
        return len(data)


class Archive:
    """A backup for reading."""

    def __init__(self, content: zipfile.ZipFile) -> None:
        self._zip = content
        self.manifest = _read_manifest(content)

    @contextmanager
    def part(self, name: str, sha256: str) -> Iterator[IO[bytes]]:
        """A part whose checksum was looked at first. Raises BackupError when it is not what the manifest says."""
        checked = HashingWriter(cast("IO[bytes]", _Nowhere()))
        with self._open(name) as part:
            copy(part, checked)
        if checked.sha256 != sha256:
            raise BackupError(f"{name} in this backup is not what its manifest says; take another backup.")
        with self._open(name) as part:
            yield part

    def _open(self, name: str) -> IO[bytes]:
        try:
            return self._zip.open(name)
        except KeyError:
            raise BackupError(f"{name} is missing in this backup; take another one.") from None


@contextmanager
def open_archive(path: Path, key: bytes | None) -> Iterator[Archive]:
    """Open a backup; a sealed one is decrypted into a temporary file first. Raises BackupError when it is none or cannot be read."""
    try:
        with path.open("rb") as file, tempfile.TemporaryFile() as plain:
            source: IO[bytes] = file
            if file.read(len(MAGIC)) == MAGIC:
                if key is None:
                    raise BackupError("This backup is encrypted; set BACKUP_KEY to its key.")
                unseal(file, plain, key)
                source = plain
            source.seek(0)
            with zipfile.ZipFile(source) as content:
                yield Archive(content)
    except (OSError, zipfile.BadZipFile) as error:
        raise BackupError(f"{path} cannot be read as a backup: {error}") from error


def copy(source: IO[bytes], out: HashingWriter) -> None:
    """All bytes, a mebibyte at a time."""
    shutil.copyfileobj(source, cast("IO[bytes]", out), 1024 * 1024)


def _read_manifest(content: zipfile.ZipFile) -> Manifest:
    try:
        raw: dict[str, Any] = json.loads(content.read(MANIFEST))
        manifest = Manifest(**raw)
    except (KeyError, ValueError, TypeError) as error:
        raise BackupError(
            "This backup has no readable manifest; it is cut off or was made by another program."
        ) from error
    if manifest.layout != LAYOUT:
        raise BackupError(f"This backup has layout {manifest.layout}; restore it with the version that made it.")
    return manifest
