"""Makes text safe to show, search and prompt with: what a person cannot see is taken out, once, before anything else reads it.

Verbatim sources (plain text, Markdown) keep every visible character as it was written, in its own normal form, so that a
quote is found in the original. Text that a reader composes anyway (PDF, DOCX, HTML …) is put into Unicode NFC as well, and
typographic ligatures (U+FB00 to U+FB06) become letters. Compatibility forms (NFKC) are never applied: they turn ² into 2.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_NEWLINES = ("\r\n", "\r", "\x0b", "\x85", "\u2028", "\u2029")

# Nothing of this is visible, and each has carried hidden instructions or broken a comparison: controls, soft hyphen,
# zero-width space and joiners of words, bidirectional overrides, fillers, invisible operators, interlinear marks,
# surrogates, non-characters, tag characters, and variation selectors beyond the one that a visible character may have.
_INVISIBLE = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e00ff"
    "\U000e01f0-\U000e0fff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
_HIDDEN = re.compile(
    f"[{_INVISIBLE}]+"
    "|(?<=[\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]+"  # one selector is enough
    "|(?<![^\\s\\x00-\\x7f])[\ufe00-\ufe0e\U000e0100-\U000e01ef]+"  # a selector that selects nothing (bar keycaps' FE0F)
    "|(?<![^\\x00-\\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\\x00-\\x7f])"  # joiners join only non-ASCII letters, emoji
)
_MAYBE_HIDDEN = re.compile(
    f"[{_INVISIBLE}\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)  # without these, nothing of the above
_PLAIN_ASCII = re.compile("[\t\n\x0c\r -~]+")
_CONTROLS = bytes([*range(0x09), *range(0x0E, 0x20), 0x7F])
_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}


@dataclass(frozen=True, slots=True)
class CleanText:
    text: str
    hidden_removed: int  # characters
    replacements: int  # U+FFFD in the text: places where bytes could not be decoded


def normalize_newlines(text: str) -> str:
    """Every line ending as ``\\n``; form feeds stay, they are the page breaks of plain text."""
    for newline in _NEWLINES:  # each is looked for at the speed of memory; a pattern of all of them is not
        text = text.replace(newline, "\n")
    return text


def clean_verbatim(text: str) -> CleanText:
    """Newlines as ``\\n`` and invisible characters removed; everything visible stays as it is. Linear time."""
    text = normalize_newlines(text)
    if text.isascii():
        cleaned = text.encode("ascii").translate(None, _CONTROLS).decode("ascii")
    else:
        # Most of a text is ASCII, which the large set of characters is too slow to look through.
        cleaned = _HIDDEN.sub("", text) if _MAYBE_HIDDEN.search(_PLAIN_ASCII.sub("", text)) else text
    return CleanText(cleaned, len(text) - len(cleaned), cleaned.count("\ufffd"))


def clean_composed(text: str) -> CleanText:
    """As ``clean_verbatim``, then ligatures spelled out, no-break spaces made plain, and NFC."""
    cleaned = clean_verbatim(text)
    if cleaned.text.isascii():
        return cleaned
    visible = cleaned.text.translate(_LIGATURES).replace("\xa0", " ").replace("\u202f", " ")
    return CleanText(unicodedata.normalize("NFC", visible), cleaned.hidden_removed, cleaned.replacements)


def clean_line(text: str) -> str:
    """One visible line: as ``clean_composed``, with every run of white space as one space."""
    return " ".join(clean_composed(text).text.split())
