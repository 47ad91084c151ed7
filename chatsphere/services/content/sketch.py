"""Small fingerprints by which documents that say nearly the same are found: MinHash over shingles of text.

One permutation with 64 bins (Li, Owen and Zhang, *One Permutation Hashing*, 2012), empty bins filled from the next full one
(Shrivastava and Li, 2014). Two texts agree in as many bins, on average, as their shingles overlap. Eight bands of eight bins are keys
for an index: texts that share nine tenths of their shingles share a band with a probability of 99 %, half of them of 3 %.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

BINS: Final = 64
BANDS: Final = 8
NEARLY_THE_SAME: Final = 0.8
_WINDOW: Final = 32  # bytes: five or six words
_MOST_BYTES: Final = 2_000_000  # what is read of a long text
_BLOCK: Final = 64 * 1024  # bytes whose hashes are held at once: some twenty times as much memory
_LEAST_SHINGLES: Final = 40  # below, a text is too short for its likeness to mean anything
_BASE: Final = 0x9E3779B97F4A7C15 | 1
_INVERSE: Final = pow(_BASE, -1, 1 << 64)
_EMPTY: Final = (1 << 31) - 1
_GAP: Final = re.compile(r"\s")
_Words = npt.NDArray[np.uint64]


def sketch(text: str) -> list[int]:
    """64 numbers below 2³¹, or none of a text that is too short. Case and white space do not count. Some 30 ms a megabyte, and 10 MB of memory."""
    data = np.frombuffer(_folded(text[:_MOST_BYTES])[:_MOST_BYTES], np.uint8)
    if len(data) <= _WINDOW:
        return []
    starts = _starts(data)
    if len(starts) < _LEAST_SHINGLES:
        return []
    values = np.full(BINS, _EMPTY, np.int64)
    for begin in range(0, len(data), _BLOCK):
        here = starts[np.searchsorted(starts, begin) : np.searchsorted(starts, begin + _BLOCK)] - begin
        hashes = _mixed(_window_hashes(data[begin : begin + _BLOCK + _WINDOW], here))
        smallest = (hashes & np.uint64(_EMPTY - 1)).astype(np.int64)
        np.minimum.at(values, (hashes >> np.uint64(58)).astype(np.int64), smallest)
    return _filled(values)


def band_keys(numbers: Sequence[int], *, scope: bytes) -> list[int]:
    """Eight signed 64-bit keys of a sketch, of which like texts of one ``scope`` share at least one; none of no sketch."""
    size = BINS // BANDS
    return [_key(scope, at, numbers[at : at + size]) for at in range(0, len(numbers), size)]


def likeness(one: Sequence[int], other: Sequence[int]) -> float:
    """The share of shingles that two texts have in common, as their sketches tell it, with an error of some 0.06."""
    return sum(a == b for a, b in zip(one, other, strict=True)) / BINS


def _folded(text: str) -> bytes:
    """In small letters, its words with one space between them; piece by piece, as the words of a large text take ten times its memory."""
    pieces, start = [], 0
    while start < len(text):
        gap = _GAP.search(text, start + _BLOCK)
        end = gap.start() if gap else len(text)
        pieces.append(" ".join(text[start:end].lower().split()))
        start = end
    return " ".join(filter(None, pieces)).encode()


def _starts(data: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """Where words begin; where characters begin, in writing without spaces."""
    last = len(data) - _WINDOW
    words = np.flatnonzero(data[:-1] == ord(" ")) + 1
    if len(words) < len(data) // 20:
        words = np.flatnonzero((data & 0xC0) != 0x80)
    return words[words <= last]


def _window_hashes(data: npt.NDArray[np.uint8], starts: npt.NDArray[Any]) -> _Words:
    """Polynomial hashes of 32 bytes from each start on, by sums over all of ``data``. They do not depend on where it stands in the text."""
    powers = _powers(_BASE, len(data))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(data.astype(np.uint64) * powers, dtype=np.uint64)])
    hashes: _Words = (sums[starts + _WINDOW] - sums[starts]) * _powers(_INVERSE, len(data))[starts]
    return hashes


def _powers(base: int, count: int) -> _Words:
    factors = np.full(count, base & 0xFFFFFFFFFFFFFFFF, np.uint64)
    factors[0] = 1
    powers: _Words = np.cumprod(factors, dtype=np.uint64)
    return powers


def _mixed(hashes: _Words) -> _Words:
    """The finalizer of MurmurHash3: every bit depends on every other."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(factor)
    return hashes ^ (hashes >> np.uint64(33))


def _filled(values: npt.NDArray[np.int64]) -> list[int]:
    full = np.flatnonzero(values != _EMPTY)
    following = full[np.searchsorted(full, np.arange(BINS)) % len(full)]
    numbers: list[int] = values[following].tolist()
    return numbers


def _key(scope: bytes, at: int, numbers: Sequence[int]) -> int:
    content = scope + bytes([at]) + np.asarray(numbers, np.int32).tobytes()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big", signed=True)
