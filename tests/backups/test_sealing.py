"""Sealed streams come back as they were, or not at all."""

from __future__ import annotations

import base64
import io
import os

import pytest

from chatsphere.backups.errors import BackupError
from chatsphere.backups.sealing import MAGIC, PIECE, SealingWriter, read_key, unseal
from chatsphere.core.sealed_pieces import TAG_BYTES as TAG

KEY = os.urandom(32)
HEAD = len(MAGIC) + 8 + 7


def sealed(content: bytes, step: int = 300_000) -> bytes:
    out = io.BytesIO()
    writer = SealingWriter(out, KEY)
    for start in range(0, len(content), step):
        writer.write(content[start : start + step])
    writer.close()
    return out.getvalue()


def opened(stream: bytes, key: bytes = KEY) -> bytes:
    source, out = io.BytesIO(stream), io.BytesIO()
    assert source.read(len(MAGIC)) == MAGIC
    unseal(source, out, key)
    return out.getvalue()


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_any_length_comes_back(size: int) -> None:
    content = os.urandom(size)
    assert opened(sealed(content)) == content


def test_nothing_of_the_content_stands_in_the_stream() -> None:
    assert b"canary" not in sealed(b"canary" * 100_000)


@pytest.mark.parametrize("place", [HEAD, HEAD + PIECE // 2, HEAD + PIECE + TAG + 5, -1])
def test_one_changed_byte_is_refused(place: int) -> None:
    stream = bytearray(sealed(os.urandom(2 * PIECE + 5)))
    stream[place] ^= 1
    with pytest.raises(BackupError, match="damaged"):
        opened(bytes(stream))


def test_a_missing_last_piece_is_refused() -> None:
    stream = sealed(os.urandom(2 * PIECE + 5))
    with pytest.raises(BackupError, match="cut off"):
        opened(stream[: HEAD + 2 * (PIECE + TAG)])


def test_swapped_pieces_are_refused() -> None:
    stream = sealed(os.urandom(3 * PIECE))
    step = PIECE + TAG
    first, second = stream[HEAD : HEAD + step], stream[HEAD + step : HEAD + 2 * step]
    with pytest.raises(BackupError, match="damaged"):
        opened(stream[:HEAD] + second + first + stream[HEAD + 2 * step :])


def test_another_key_is_named_as_the_reason() -> None:
    with pytest.raises(BackupError, match="another key"):
        opened(sealed(b"text"), os.urandom(32))


@pytest.mark.parametrize("text", ["", "short", base64.urlsafe_b64encode(bytes(31)).decode()])
def test_a_bad_key_says_how_to_make_a_good_one(text: str) -> None:
    with pytest.raises(BackupError, match="createkey"):
        read_key(text)
