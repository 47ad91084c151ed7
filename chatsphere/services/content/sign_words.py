"""Which of some signs may stand in a text, by its words alone: a look into a table a word, instead of a search a sign.

A sign is a stretch of small letters that may reach over spaces. One of its words, the longest that is not in every text, must stand in
the text, too; the verdict on each word is remembered, as nearly all words of a text have been seen before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import groupby
from operator import itemgetter, or_
from typing import Final

_MOST_REMEMBERED: Final = 30_000  # words: 4 MB
_LONGEST_REMEMBERED: Final = 40  # characters; longer ones do not come again
_IN_EVERY_TEXT: Final = frozenset(
    {"", "the", "you", "your", "one", "not", "n't", "are", "from", "starting", "system", "message"}
)


class SignWords(dict[str, int]):
    """Word → the groups, as bits, of which a sign may stand where it stands."""

    def __init__(self, groups: Sequence[Iterable[str]]) -> None:
        fragments = [set(map(_fragment, signs)) for signs in groups]
        self._any = re.compile(_one_of(set().union(*fragments)))
        self._groups = [(1 << number, re.compile(_one_of(several))) for number, several in enumerate(fragments)]

    def groups_in(self, words: Iterable[str]) -> int:
        """The groups, as bits, of which a sign may stand in a text of these words; all others have none there. Linear time."""
        return reduce(or_, set(map(self.__getitem__, words)), 0)

    def __missing__(self, word: str) -> int:
        bound = f" {word} "
        groups = 0
        if self._any.search(bound):
            groups = sum(group for group, pattern in self._groups if pattern.search(bound))
        if len(word) <= _LONGEST_REMEMBERED:
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[word] = groups
        return groups


def _one_of(fragments: Iterable[str]) -> str:
    """A pattern of them by first character: tried at each place of a text, it takes a third of the time of a plain list."""
    by_first = groupby(sorted(fragments), key=itemgetter(0))
    return "|".join(
        f"{re.escape(first)}(?:{'|'.join(re.escape(each[1:]) for each in several)})" for first, several in by_first
    )


def _fragment(sign: str) -> str:
    """The word of a sign that is looked for, with the spaces that bound it there."""
    parts = sign.split(" ")
    at = max(range(len(parts)), key=lambda place: (parts[place] not in _IN_EVERY_TEXT, len(parts[place])))
    return f"{' ' if at else ''}{parts[at]}{' ' if at < len(parts) - 1 else ''}"
