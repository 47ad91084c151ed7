"""Encryption of a backup: ``core.sealed_pieces`` in pieces of one mebibyte, behind a mark, the name of the key and the prefix of the nonces."""

from __future__ import annotations

import base64
import hashlib
from typing import IO

from chatsphere.backups.errors import BackupError
from chatsphere.core.sealed_pieces import PREFIX_BYTES, TAG_BYTES, Damaged, Opener, Sealer, new_prefix

MAGIC = b"CSBACKUP1\n"
PIECE = 1024 * 1024


class SealingWriter:
    """A binary file for writing that cannot be sought; ``close`` writes the last piece, and closes nothing else."""

    def __init__(self, out: IO[bytes], key: bytes) -> None:
        prefix = new_prefix()
        self._out = out
        self._sealer = Sealer(key, prefix, size=PIECE)
        out.write(MAGIC + key_name(key) + prefix)

    def write(self, data: bytes) -> int:
        for piece in self._sealer.update(data):
            self._out.write(piece)
        return len(data)

    def flush(self) -> None:
        self._out.flush()

    def close(self) -> None:
        self._out.write(self._sealer.finish())


def unseal(source: IO[bytes], out: IO[bytes], key: bytes) -> None:
    """Decrypt a whole stream; ``source`` stands behind MAGIC. Raises BackupError when the key is another one or anything was changed."""
    if source.read(8) != key_name(key):
        raise BackupError("This backup was encrypted with another key; set BACKUP_KEY to that one.")
    opener, number = Opener(key, source.read(PREFIX_BYTES)), 0
    piece = source.read(PIECE + TAG_BYTES)
    while piece:
        following = source.read(PIECE + TAG_BYTES)
        try:
            out.write(opener.open(piece, number, is_last=not following))
        except Damaged:
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
