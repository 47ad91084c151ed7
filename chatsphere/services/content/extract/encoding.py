"""Bytes to text, whatever they were written in."""

from __future__ import annotations

import codecs
import contextlib

from chatsphere.services.content.extract.legacy_encoding import guess_encoding

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 64 * 1024  # bytes that tell a slip from another encoding


def decode(data: bytes, *, declared: str = "") -> tuple[str, str]:
    """Text and the encoding it was read with.

    A byte order mark decides; then the escapes of ISO-2022-JP; then valid UTF-8, which no other encoding imitates by chance; then UTF-16 without a mark (by
    its zero bytes); then what was declared, if the bytes allow it; then a guess (see ``legacy_encoding``). Bytes that remain
    undecodable become U+FFFD. Never raises.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").removeprefix("\ufeff"), encoding
    encoding = _utf16_by_zeros(data)
    if encoding:
        return data.decode(encoding, "replace"), encoding
    if b"\x1b$" in data[:_SAMPLE]:  # written in ASCII's bytes, so it would be good UTF-8
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode("iso2022_jp_2"), "iso2022_jp_2"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        if _is_slip(data, error):
            return data.decode("utf-8", "replace"), "utf-8"
    return _decode_legacy(data, declared)


def noted(encoding: str, declared: str) -> dict[str, str | bool]:
    """For the report of a document: how it was read, and whether it said so itself."""
    return {"encoding": encoding, **({"encoding_declared": True} if _is_same(encoding, declared) else {})}


def _is_same(encoding: str, declared: str) -> bool:
    try:
        return bool(declared) and codecs.lookup(encoding).name == codecs.lookup(declared).name
    except LookupError:
        return False


def _utf16_by_zeros(data: bytes) -> str:
    """Latin text in UTF-16 has a zero in every other byte; text in other encodings has none."""
    sample = data[:2048]
    half = len(sample) // 2
    if half < 2:
        return ""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > half * 0.6 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.6 and odd < half * 0.05:
        return "utf-16-be"
    return ""


def _is_slip(data: bytes, error: UnicodeDecodeError) -> bool:
    """Whether this is UTF-8 with a few broken bytes: most sequences beyond ASCII are well formed."""
    tail = data[error.start : error.start + _SAMPLE]
    bad = tail.decode("utf-8", "replace").count("\ufffd")
    before = data[: error.start].decode("utf-8")
    good = sum(character > "\x7f" for character in before[-_SAMPLE:])
    good += sum("\x7f" < character != "\ufffd" for character in tail.decode("utf-8", "replace"))
    return good > 4 * bad


def _decode_legacy(data: bytes, declared: str) -> tuple[str, str]:
    for encoding in (declared, guess_encoding(data), "cp1252"):
        if _is_text_encoding(encoding):
            try:
                return data.decode(encoding), encoding
            except UnicodeDecodeError:
                continue
    return data.decode("cp1252", "replace"), "cp1252"


def _is_text_encoding(name: str) -> bool:
    try:
        return bool(name) and codecs.lookup(name)._is_text_encoding
    except LookupError:
        return False
