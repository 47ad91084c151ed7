"""Encryption of a stream of any length in constant memory.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, 2015)
over AES-256-GCM: pieces of one mebibyte, each with a nonce of a random prefix, its number, and a byte that marks the last one. Pieces that are
changed, left out, repeated or moved, and an end that is missing, are refused.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chatsphere.backups.errors import BackupError

MAGIC = b"CSBACKUP1\n"
PIECE = 1024 * 1024
TAG = 16
PREFIX = 7


class SealingWriter:
    """A binary file for writing that cannot be sought; ``close`` writes the last piece, and closes nothing else."""

    def __init__(self, out: IO[bytes], key: bytes) -> None:
        self._out = out
        self._cipher = AESGCM(key)
        self._prefix = os.urandom(PREFIX)
        self._number = 0
        self._held = bytearray()
        out.write(MAGIC + key_name(key) + self._prefix)

    def write(self, data: bytes) -> int:
        self._held += data
        while len(self._held) > PIECE:
            self._seal(bytes(self._held[:PIECE]), is_last=False)
            del self._held[:PIECE]
        return len(data)

    def flush(self) -> None:
        self._out.flush()

    def close(self) -> None:
        self._seal(bytes(self._held), is_last=True)
        self._held.clear()

    def _seal(self, piece: bytes, *, is_last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._prefix, self._number, is_last=is_last), piece, None))
        self._number += 1


def unseal(source: IO[bytes], out: IO[bytes], key: bytes) -> None:
    """Decrypt a whole stream; ``source`` stands behind MAGIC. Raises BackupError when the key is another one or anything was changed."""
    if source.read(8) != key_name(key):
        raise BackupError("This backup was encrypted with another key; set BACKUP_KEY to that one.")
    prefix, cipher, number = source.read(PREFIX), AESGCM(key), 0
    piece = source.read(PIECE + TAG)
    while piece:
        following = source.read(PIECE + TAG)
        try:
            out.write(cipher.decrypt(_nonce(prefix, number, is_last=not following), piece, None))
        except InvalidTag:
            raise BackupError("This backup is damaged or cut off; take another one.") from None
        piece, number = following, number + 1
    if number == 0:
        raise BackupError("This backup is cut off; take another one.")


def read_key(text: str) -> bytes:
    """The 32 bytes of a key as ``chatsphere createkey`` prints it. Raises BackupError."""
    try:
        key = base64.urlsafe_b64decode(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise BackupError(
            "BACKUP_KEY is no key; make one with `chatsphere createkey` and keep it apart from the backups."
        )
    return key


def key_name(key: bytes) -> bytes:
    """Eight bytes that tell keys apart and say nothing about them."""
    return hashlib.sha256(b"chatsphere backup key:" + key).digest()[:8]


def _nonce(prefix: bytes, number: int, *, is_last: bool) -> bytes:
    return prefix + struct.pack(">I?", number, is_last)
