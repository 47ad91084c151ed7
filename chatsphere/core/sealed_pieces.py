"""Authenticated encryption of a stream of any length in pieces, in constant memory.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, 2015) over
AES-256-GCM: each piece has a nonce of a random prefix, its number, and whether it is the last one. Pieces that are changed, left out, repeated,
swapped or moved to another stream, and an end that is missing, are refused.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PREFIX_BYTES = 7
TAG_BYTES = 16


class Damaged(Exception):
    """A piece is not what was sealed: changed, moved, cut off, or of another key."""


def new_prefix() -> bytes:
    """What makes the nonces of one stream its own; it is stored beside the pieces and is no secret."""
    return os.urandom(PREFIX_BYTES)


class Sealer:
    """Takes bytes as they come and gives sealed pieces of ``size`` plain bytes; only the last one may be shorter, even empty."""

    def __init__(self, key: bytes, prefix: bytes, *, size: int, context: bytes | None = None) -> None:
        self._cipher, self._prefix, self._size, self._context = AESGCM(key), prefix, size, context
        self._number = 0
        self._held = bytearray()

    def update(self, data: bytes) -> Iterator[bytes]:
        """The pieces that are full by now. The last one is held back: it is known as such only at the end."""
        self._held += data
        while len(self._held) > self._size:
            yield self._seal(bytes(self._held[: self._size]), is_last=False)
            del self._held[: self._size]

    def finish(self) -> bytes:
        """The last piece."""
        piece = self._seal(bytes(self._held), is_last=True)
        self._held.clear()
        return piece

    def _seal(self, piece: bytes, *, is_last: bool) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._prefix, self._number, is_last=is_last), piece, self._context)
        self._number += 1
        return sealed


class Opener:
    """Opens the pieces of one stream, in any order."""

    def __init__(self, key: bytes, prefix: bytes, *, context: bytes | None = None) -> None:
        self._cipher, self._prefix, self._context = AESGCM(key), prefix, context

    def open(self, piece: bytes, number: int, *, is_last: bool) -> bytes:
        """The plain bytes of a piece, counted from 0. Raises Damaged."""
        try:
            return self._cipher.decrypt(_nonce(self._prefix, number, is_last=is_last), piece, self._context)
        except (InvalidTag, ValueError) as error:
            raise Damaged from error


def _nonce(prefix: bytes, number: int, *, is_last: bool) -> bytes:
    return prefix + struct.pack(">I?", number, is_last)
