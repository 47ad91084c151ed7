"""Uploads in S3 or what speaks like it: the extra `s3`, chosen by ``UPLOAD_STORAGE=s3://bucket/folder?endpoint=…&region=…``.

Every object carries the SHA-256 of its bytes; what comes back with another one is refused. Whatever the service or the network do is an OSError.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from storages.backends.s3 import S3Storage

CHECKSUM = "chatsphere-sha256"
IN_MEMORY = 4 * 1024 * 1024
BLOCK = 1024 * 1024


class DamagedObject(OSError):
    """An object is not what was stored."""


class S3Uploads(S3Storage):  # type: ignore[misc]  # the library has no types
    """Names never overwrite each other; nothing is public."""

    def _save(self, name: str, content: Any) -> str:
        digest = hashlib.sha256()
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as spool, _as_os_error():
            for block in content.chunks(BLOCK):
                digest.update(block)
                spool.write(block)
            spool.seek(0)
            extra = {"Metadata": {CHECKSUM: digest.hexdigest()}, "ContentType": "application/octet-stream"}
            key = self._normalize_name(name)
            self.bucket.Object(key).upload_fileobj(spool, ExtraArgs=extra, Config=self.transfer_config)
        return name

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        if mode != "rb":
            raise ValueError("stored files are read, or written whole by save()")
        with _as_os_error():
            stored = self.bucket.Object(self._normalize_name(name)).get()
            spool = cast(IO[bytes], tempfile.SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115 - the caller's to close
            digest = hashlib.sha256()
            for block in stored["Body"].iter_chunks(BLOCK):
                digest.update(block)
                spool.write(block)
        if digest.hexdigest() != stored["Metadata"].get(CHECKSUM, digest.hexdigest()):
            spool.close()
            raise DamagedObject(f"the stored file {name} is not what was uploaded")
        size = spool.tell()
        spool.seek(0)
        file = File(spool, name)
        file.size = size
        return file

    def delete(self, name: str) -> None:
        with _as_os_error():
            super().delete(name)

    def exists(self, name: str) -> bool:
        with _as_os_error():
            return bool(super().exists(name))

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        with _as_os_error():
            folders, files = super().listdir(name)
        return list(folders), list(files)

    def get_modified_time(self, name: str) -> Any:
        with _as_os_error():
            return super().get_modified_time(name)

    def size(self, name: str) -> int:
        with _as_os_error():
            return int(super().size(name))


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Who reads and writes files knows what to do about an OSError."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("NoSuchKey", "404"):
            raise FileNotFoundError(str(error)) from error
        raise OSError(str(error)) from error
    except BotoCoreError as error:
        raise OSError(str(error)) from error
