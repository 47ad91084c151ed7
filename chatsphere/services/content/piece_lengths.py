"""How long text is in words and tokens, by its pieces, whose lengths are remembered."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from chatsphere.services.content.markup import without_targets
from chatsphere.services.scripts import HANGUL, UNSPACED, UNSPACED_OR_HANGUL

CountTokens = Callable[[str], int]

_REMEMBERED_PIECES = 40_000
_LONGEST_REMEMBERED = 40  # characters; longer ones do not come again
_IDEOGRAPHS = UNSPACED + HANGUL
_PIECE = re.compile(r"[A-Za-z]+|[0-9]+|[!-\"$-)+-/:-=?@\[\]^{}]")
_PIECE_ANY_SCRIPT = re.compile(rf"[{_IDEOGRAPHS}]|(?:(?![{_IDEOGRAPHS}])[^\W\d_])+|\d+|[^\w\s*#|`\\_~>]")
_TOKEN = 1 << 40  # above any number of half words


class Measure:
    """How long a stretch of source is, without tokenizing it: words and tokens of its pieces (letters, digits, a mark) added up.

    The lengths of pieces, and of what stands between two spaces, are asked once and remembered. The sum is exact for tokenizers
    that cut at these borders (WordPiece) and a little too high for those that join across them (BPE). Markup and link targets do
    not count.
    """

    def __init__(self, count_tokens: CountTokens) -> None:
        self.count_tokens = count_tokens
        self._special = count_tokens("")
        self._length = _Remembered(self._ask_length).__getitem__
        self._sum_of = _Remembered(self._sum).__getitem__

    def __call__(self, source: str) -> tuple[float, int]:
        """Words and tokens."""
        if "](" in source or "<" in source:
            source = without_targets(source)
        tokens, half_words = divmod(sum(map(self._sum_of, source.split())), _TOKEN)
        return half_words / 2, tokens

    def _sum(self, text: str) -> int:
        """Both figures of text without spaces in one number, so that a long text is one addition a word."""
        if text.isascii():
            pieces, ideographs = _PIECE.findall(text), 0
        else:
            pieces, ideographs = _PIECE_ANY_SCRIPT.findall(text), len(UNSPACED_OR_HANGUL.findall(text))
        half_words = 2 * sum(map(str.isalnum, pieces)) - ideographs
        return _TOKEN * sum(map(self._length, pieces)) + half_words

    def _ask_length(self, piece: str) -> int:
        return self.count_tokens(piece) - self._special if len(piece) <= _LONGEST_REMEMBERED else len(piece) // 3


class _Remembered(dict[str, int]):
    """Remembers what it has asked for, unless it is long; emptied when it has grown too large."""

    def __init__(self, ask: Callable[[str], int]) -> None:
        self._ask = ask

    def __missing__(self, text: str) -> int:
        answer = self._ask(text)
        if len(text) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED_PIECES:
                self.clear()
            self[text] = answer
        return answer


@lru_cache(maxsize=2)  # 8 MB each when they are full; two while a chatbot changes its model
def measure_of(count_tokens: CountTokens) -> Measure:
    """Kept between documents: an embedder's ``count_tokens`` lives as long as its process."""
    return Measure(count_tokens)
