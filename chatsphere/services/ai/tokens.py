"""How many tokens a chat model will count, estimated from the text alone.

Byte-pair vocabularies of today need about 4 ASCII characters a token in English prose, 3 in code and numbers, and one token for one
to three characters of other scripts. The estimate stays on the high side, so that budgets made with it hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

ASCII_CHARS_PER_TOKEN = 3.5
OTHER_BYTES_PER_TOKEN = 2.5
TOKENS_PER_MESSAGE = 4  # role and separators


def estimate_tokens(text: str) -> int:
    """Tokens of a text, usually 5 to 30 % too many; 0 for the empty text. A few nanoseconds a character."""
    if text.isascii():
        return ceil(len(text) / ASCII_CHARS_PER_TOKEN)
    encoded = len(text.encode("utf-8", "replace"))
    ascii_chars = len(text.encode("ascii", "ignore"))
    return ceil(ascii_chars / ASCII_CHARS_PER_TOKEN + (encoded - ascii_chars) / OTHER_BYTES_PER_TOKEN)


def estimate_message_tokens(texts: Iterable[str]) -> int:
    """Tokens of a prompt made of these messages."""
    return sum(estimate_tokens(text) + TOKENS_PER_MESSAGE for text in texts)


def cut_to_tokens(text: str, limit: int) -> str:
    """The beginning of the text whose estimate is within the limit; the whole text where it fits."""
    while (estimate := estimate_tokens(text)) > limit:
        text = text[: min(len(text) - 1, len(text) * limit // estimate)]
    return text
