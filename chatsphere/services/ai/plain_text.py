"""What visitors write, without capitals and marks, to be compared with lists of phrases."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """In small letters, with a blank for every mark of punctuation; signs of vowels stay."""
    kept = (each if unicodedata.category(each)[0] not in "PSZC" else " " for each in unicodedata.normalize("NFC", text))
    return " ".join("".join(kept).casefold().split())
