"""Where sentences end, in any of the scripts with sentence marks; no language model, linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatsphere.services.abbreviations import ABBREVIATIONS, AFTER_ORDINAL

_CLOSERS = "\"'”’»›)\\]}」』】）*_`"
_CANDIDATE = re.compile(
    f"[.!?…][{_CLOSERS}]*(?=\\s)"  # Latin, Cyrillic, Greek …: needs white space after it
    f"|[。！？｡．؟۔।॥။።៕‼⁇⁈⁉][{_CLOSERS}]*"  # scripts that write on without a space, or whose mark is unmistakable
)
_SPACE = re.compile(r"\s*")
_WORD_BEFORE = re.compile(r"(?:[^\W\d_]|[.'’&])+\Z|\d+\Z")
_AFTER_ORDINAL = re.compile(AFTER_ORDINAL)
_MORE = """
    mt ft llc eqs cl ref refs app appx resp tues thur thurs b.a m.a tel max min p.ex c.-à-d avda dott sig рис стр
"""
_ABBREVIATIONS = ABBREVIATIONS.union(_MORE.split())


def sentence_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Half-open spans of the sentences in ``text[start:end]``, in order, white space between them left out.

    A mark ends a sentence unless it follows an abbreviation, an initial or a list number, or a small letter follows.
    """
    begin = _skip_space(text, start, end)
    for match in _CANDIDATE.finditer(text, start, end):
        after = _skip_space(text, match.end(), end)
        if after >= end:
            break
        if match.start() > begin and _is_end(text, begin, match.start(), after):
            yield begin, match.end()
            begin = after
    if begin < end:
        yield begin, begin + len(text[begin:end].rstrip())


def _skip_space(text: str, position: int, end: int) -> int:
    match = _SPACE.match(text, position, end)
    return match.end() if match else position


def _is_end(text: str, begin: int, mark: int, after: int) -> bool:
    if text[mark] not in ".…":
        return True
    following = text[after]
    if following.islower():
        return False
    if text[mark] == "…":
        return True
    before = _WORD_BEFORE.search(text, max(begin, mark - 20), mark)
    if before is None:
        return True
    word = before[0].lower()
    if word.isdigit():
        is_ordinal = _AFTER_ORDINAL.match(text, mark + 1)  # "am 31. März"
        return before.start() > begin and not is_ordinal  # "3." at the beginning of a line is a list number
    if len(word) == 1 and before[0].isupper():
        return False  # an initial
    return word not in _ABBREVIATIONS or (word in ("etc", "inc", "ltd", "co", "a.m", "p.m") and following.isupper())
