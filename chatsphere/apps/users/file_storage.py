"""Uploads that lie encrypted in the storage: ``core.sealed_pieces`` in pieces of 64 KiB, under a key of the workspace.

A file begins with a mark and the prefix of its nonces; the workspace is part of what is authenticated. Files from before the switch was turned on
have no mark and are read as they are.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from chatsphere.apps.users.models import FileKey
from chatsphere.core.sealed_pieces import PREFIX_BYTES, TAG_BYTES, Damaged, Opener, Sealer, new_prefix

MARK = b"CSenc1\x00\x00"
HEAD_BYTES = len(MARK) + PREFIX_BYTES
PIECE = 64 * 1024
STORED_PIECE = PIECE + TAG_BYTES


class DamagedFile(OSError):
    """A stored file was changed or cut off, or belongs to another workspace."""


class DiskStorage(FileSystemStorage):
    """Django's own, which leaves nothing of a file behind for which there was no room."""

    def _save(self, name: str, content: Any) -> str:
        try:
            return str(super()._save(name, content))  # type: ignore[misc]  # not in the stubs
        except OSError:
            self.delete(name)
            raise


class EncryptedStorage(Storage):
    """Keeps its files in the storage ``plain``. Names read ``<folder>/<workspace id>/…``. There is no ``path``: nobody reads around the decryption."""

    def __init__(self) -> None:
        self._disk: Any = storages["plain"]

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        if mode != "rb":
            raise ValueError("stored files are read, or written whole by save()")
        file: File[Any] = self._disk.open(name)
        head = file.read(HEAD_BYTES)
        if not head.startswith(MARK):
            file.seek(0)
            return file
        reader = _Reader(file, Opener(_key_of(name), head[len(MARK) :], context=_aad(name)))
        return File(io.BufferedReader(reader, PIECE), name)

    def _save(self, name: str, content: Any) -> str:
        return str(self._disk._save(name, _Encrypted(content, _key_of(name), _aad(name))))

    def delete(self, name: str) -> None:
        self._disk.delete(name)

    def exists(self, name: str) -> bool:
        return bool(self._disk.exists(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        folders, files = self._disk.listdir(path)
        return list(folders), list(files)

    def get_modified_time(self, name: str) -> Any:
        return self._disk.get_modified_time(name)

    def size(self, name: str) -> int:
        with self._disk.open(name) as file:
            is_encrypted = file.read(len(MARK)) == MARK
        stored = self._disk.size(name)
        return _plain_size(stored) if is_encrypted else stored


class _Encrypted(File):  # type: ignore[type-arg]  # generic only in the stubs
    """An upload whose ``chunks`` come out encrypted."""

    def __init__(self, content: Any, key: bytes, aad: bytes) -> None:
        super().__init__(io.BytesIO(), "encrypted")
        self._content, self._key, self._aad = content, key, aad

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        prefix = new_prefix()
        sealer = Sealer(self._key, prefix, size=PIECE, context=self._aad)
        yield MARK + prefix
        for block in self._content.chunks(PIECE):
            yield from sealer.update(block)
        yield sealer.finish()


class _Reader(io.RawIOBase):
    """Decrypts piece by piece, from any place on."""

    def __init__(self, file: Any, opener: Opener) -> None:
        self._file, self._opener = file, opener
        stored = file.size
        self._size = _plain_size(stored)
        self._pieces = max(1, -(-(stored - HEAD_BYTES) // STORED_PIECE))
        self._at = 0
        self._held = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        number, start = divmod(self._at, PIECE)
        if self._at and self._at >= self._size:
            return 0
        part = self._decrypted(number)[start : start + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _decrypted(self, number: int) -> bytes:
        if self._held[0] != number:
            self._file.seek(HEAD_BYTES + number * STORED_PIECE)
            try:
                stored, is_last = self._file.read(STORED_PIECE), number == self._pieces - 1
                plain = self._opener.open(stored, number, is_last=is_last)
            except Damaged as error:
                raise DamagedFile("a stored file was changed or cut off, or its workspace's key is another") from error
            self._held = (number, plain)
        return self._held[1]


def _plain_size(stored: int) -> int:
    body = stored - HEAD_BYTES
    return body - TAG_BYTES * max(1, -(-body // STORED_PIECE))


def _workspace(name: str) -> UUID:
    return UUID(name.split("/")[1])


def _aad(name: str) -> bytes:
    return MARK + _workspace(name).bytes


def _key_of(name: str) -> bytes:
    return bytes.fromhex(_key(_workspace(name)))


@lru_cache(maxsize=256)
def _key(workspace_id: UUID) -> str:
    """Keys never change; of two processes that make the first one, one wins and both use it."""
    row, _is_new = FileKey.objects.get_or_create(workspace_id=workspace_id, defaults={"key": secrets.token_hex(32)})
    return str(row.key)
