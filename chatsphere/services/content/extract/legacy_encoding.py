"""Which encoding of the time before Unicode these bytes are in.

The library chardet says how well each encoding fits; alone it still takes short Italian for Cyrillic ("citt\N{CYRILLIC SMALL LETTER A}"), since single
letters weigh little. So its candidates are read, and one in whose words scripts are mixed, or signs stand amid letters, falls behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import chardet

# What files are in that people still have. Others (EBCDIC, MacTurkish, cp862 …) are never the answer for text of theirs, only for bad luck.
_CANDIDATES: Final = (
    *(f"cp125{number}" for number in range(9)),
    *("iso8859-1", "iso8859-2", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-9", "iso8859-13", "iso8859-15"),
    *("koi8-r", "koi8-u", "cp866", "cp850", "cp437", "mac-roman", "mac-cyrillic", "tis-620"),
    *("cp932", "euc_jis_2004", "iso2022_jp_2", "gb18030", "big5hkscs", "cp949"),
)  # fmt: skip
_SAMPLE: Final = 16 * 1024  # bytes
_ODDITY_COSTS: Final = 0.6  # of chardet's confidence, for a text of which every word is odd
_WINDOWS: Final = 0.02  # as much more for what most such files are in

_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_NOT_LATIN = re.compile(r"[\u0370-\u1fff\u3040-\uffdc]")
_CAPITAL_AFTER_SMALL = re.compile(r"[a-zß-ÿ][A-ZÀ-Þ]")
# To ``re`` combining marks and the stops of Chinese are no letters; here they are none of the signs either.
_NO_SIGNS = r"\w\s\x00-\x7f\u0300-\u036f\u0590-\u05cf\u064b-\u065f\u0900-\u0eff\u3000-\u303f\uff00-\uffef"
_SIGN_AMID_LETTERS = re.compile(rf"[^\W\d_][^{_NO_SIGNS}’‘´·•–—…“”„«»]|[^{_NO_SIGNS}’‘–—„“”«»‚¿¡©®°§][^\W\d_]")
_NEVER_WRITTEN = re.compile("[\x80-\x9f¤\ue000-\uf8ff]")


def guess_encoding(data: bytes) -> str:
    """The name of Python's codec that most likely wrote this, cp1252 when nothing fits. ``data`` is neither UTF-8 nor UTF-16.

    Looks at 16 KB, those lines first that have more than ASCII. Costs some 10 ms for them.
    """
    sample = _telling_lines(data)
    found = max(_scored(sample), default=(0.0, "cp1252"))
    return found[1]


def _telling_lines(data: bytes) -> bytes:
    if len(data) <= _SAMPLE:
        return data
    lines, size = [], 0
    for line in data[: 64 * _SAMPLE].splitlines(keepends=True):
        if size < _SAMPLE and not line.isascii():
            lines.append(line)
            size += len(line)
    return b"".join(lines)[:_SAMPLE] or data[:_SAMPLE]


def _scored(sample: bytes) -> Iterator[tuple[float, str]]:
    for candidate in chardet.detect_all(
        sample, ignore_threshold=True, include_encodings=_CANDIDATES, compat_names=False
    ):
        encoding = candidate["encoding"]
        if encoding is not None:
            text = sample.decode(encoding, "replace")  # the sample may end amid a character
            yield (
                candidate["confidence"] - _ODDITY_COSTS * _oddity(text) + _WINDOWS * (encoding == "cp1252"),
                encoding,
            )


def _oddity(text: str) -> float:
    """0 for a text that reads like one, else odd places for each word that has more than ASCII."""
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    odd = sum(
        bool((_LATIN.search(word) and _NOT_LATIN.search(word)) or _CAPITAL_AFTER_SMALL.search(word)) for word in words
    )
    odd += len(_SIGN_AMID_LETTERS.findall(text)) + len(_NEVER_WRITTEN.findall(text))
    return odd / max(len(words), 1)
