"""Where a large text file can be parted, found in constant memory."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatsphere.services.errors import LimitExceeded

PART_BYTES: Final = 2 * 1024 * 1024  # some 40 MB of memory while it is read and cut
_FENCE: Final = re.compile(rb"^ {0,3}(?:```|~~~)", re.MULTILINE)
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")  # UTF-16 and UTF-32: a newline byte there is no newline


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of bytes; ``digest`` is its SHA-256."""

    start: int
    end: int
    digest: bytes


def text_parts(path: Path, size: int = PART_BYTES, start: int = 0) -> Iterator[Part]:
    """Neighbouring stretches of at most ``size`` bytes that together are the file from ``start`` on; they end after a blank line, else after
    a line, not between two fences of code, and are the same wherever an earlier call has stopped between two of them.

    Text in one or more bytes a character whose newline is a newline byte; raises LimitExceeded for UTF-16 and UTF-32. One pass.
    """
    with path.open("rb") as file:
        file.seek(start)
        while block := file.read(size):
            if not start and block.startswith(_WIDE):
                raise LimitExceeded("This text is too large to be read in UTF-16. Save it as UTF-8.")
            end = len(block) if len(block) < size else _outside_code(block, _last_break(block))
            yield Part(start, start + end, hashlib.sha256(block[:end]).digest())
            start += end
            file.seek(start)


def _outside_code(block: bytes, end: int) -> int:
    """Before the fence that the end would stand behind: of the next part all text would be code, and all code text."""
    fences = [match.start() for match in _FENCE.finditer(block, 0, end)]
    return fences[-1] if len(fences) % 2 and fences[-1] > len(block) // 2 else end


def _last_break(block: bytes) -> int:
    half = len(block) // 2
    for mark in (b"\n\n", b"\r\n\r\n", b"\n", b"\r", b" "):
        found = block.rfind(mark, half)
        if found >= 0:
            return found + len(mark)
    return _character_end(block)


def _character_end(block: bytes) -> int:
    """No break at all: at least not inside a UTF-8 character."""
    end = len(block)
    while end > len(block) - 4 and block[end - 1] & 0xC0 == 0x80:
        end -= 1
    return end - 1 if block[end - 1] >= 0xC0 else len(block)
