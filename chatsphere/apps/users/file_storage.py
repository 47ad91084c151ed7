"""Uploads that lie encrypted on the disk: AES-256-GCM in pieces of 64 KiB, under a key of the workspace.

A file begins with a mark and seven random bytes. Each piece has a nonce of those bytes, its number, and whether it is the last one (the
STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár), so that pieces cannot be changed, swapped, repeated or cut off unseen. Files
from before the switch was turned on have no mark and are read as they are.
"""

from __future__ import annotations

import io
import os
import secrets
import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage

from chatsphere.apps.users.models import FileKey

MARK = b"CSenc1\x00\x00"
PREFIX_BYTES = 7
HEAD_BYTES = len(MARK) + PREFIX_BYTES
PIECE = 64 * 1024
TAG_BYTES = 16
STORED_PIECE = PIECE + TAG_BYTES


class DamagedFile(OSError):
    """A stored file was changed or cut off, or belongs to another workspace."""


class EncryptedStorage(Storage):
    """Keeps its files in MEDIA_ROOT. Names read ``<folder>/<workspace id>/…``. There is no ``path``: nobody reads around the decryption."""

    def __init__(self) -> None:
        self._disk: Any = FileSystemStorage()

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        if mode != "rb":
            raise ValueError("stored files are read, or written whole by save()")
        file: File[Any] = self._disk.open(name)
        head = file.read(HEAD_BYTES)
        if not head.startswith(MARK):
            file.seek(0)
            return file
        reader = _Reader(file, _cipher(name), head[len(MARK) :], _aad(name))
        return File(io.BufferedReader(reader, PIECE), name)

    def _save(self, name: str, content: Any) -> str:
        return str(self._disk._save(name, _Encrypted(content, _cipher(name), _aad(name))))

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

    def __init__(self, content: Any, cipher: AESGCM, aad: bytes) -> None:
        super().__init__(io.BytesIO(), "encrypted")
        self._content, self._cipher, self._aad = content, cipher, aad

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        prefix = secrets.token_bytes(PREFIX_BYTES)
        yield MARK + prefix
        number, waiting = 0, bytearray()
        for block in self._content.chunks(PIECE):
            waiting += block
            while len(waiting) > PIECE:  # the last piece is known as such only at the end
                yield self._piece(prefix, number, bytes(waiting[:PIECE]), is_last=False)
                del waiting[:PIECE]
                number += 1
        yield self._piece(prefix, number, bytes(waiting), is_last=True)

    def _piece(self, prefix: bytes, number: int, plain: bytes, *, is_last: bool) -> bytes:
        return self._cipher.encrypt(_nonce(prefix, number, is_last=is_last), plain, self._aad)


class _Reader(io.RawIOBase):
    """Decrypts piece by piece, from any place on."""

    def __init__(self, file: Any, cipher: AESGCM, prefix: bytes, aad: bytes) -> None:
        self._file, self._cipher, self._prefix, self._aad = file, cipher, prefix, aad
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
            nonce = _nonce(self._prefix, number, is_last=number == self._pieces - 1)
            try:
                plain = self._cipher.decrypt(nonce, self._file.read(STORED_PIECE), self._aad)
            except (InvalidTag, ValueError) as error:
                raise DamagedFile("a stored file was changed or cut off, or its workspace's key is another") from error
            self._held = (number, plain)
        return self._held[1]


def _plain_size(stored: int) -> int:
    body = stored - HEAD_BYTES
    return body - TAG_BYTES * max(1, -(-body // STORED_PIECE))


def _nonce(prefix: bytes, number: int, *, is_last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, is_last)


def _workspace(name: str) -> UUID:
    return UUID(name.split("/")[1])


def _aad(name: str) -> bytes:
    return MARK + _workspace(name).bytes


def _cipher(name: str) -> AESGCM:
    return AESGCM(bytes.fromhex(_key(_workspace(name))))


@lru_cache(maxsize=256)
def _key(workspace_id: UUID) -> str:
    """Keys never change; of two processes that make the first one, one wins and both use it."""
    row, _is_new = FileKey.objects.get_or_create(workspace_id=workspace_id, defaults={"key": secrets.token_hex(32)})
    return str(row.key)
