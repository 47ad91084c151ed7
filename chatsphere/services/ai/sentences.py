"""Where the sentences of a passage begin and end, as spans into its text, so that each can be quoted character for character.

A passage is Markdown-like. Its lines are first read as blocks (paragraphs, list items, headings, tables, fenced code), then
paragraphs and list items are cut into sentences. Headings are left out: they name what follows and answer nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from chatsphere.services.abbreviations import ABBREVIATIONS, AFTER_ORDINAL

LONGEST_SENTENCE = 600  # characters; longer ones are cut at line ends and semicolons

_HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_TABLE_ROW = re.compile(r"\s*\|.*\|\s*$")
_DELIMITER_ROW = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_ITEM = re.compile(
    r"\s*(?:[-*+•‣·–]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+|\s*>\s?"
    r"|\s*(?:\*\*)?(?:Q|A|F|R|P|Question|Answer|Frage|Antwort|Réponse|Pregunta|Respuesta) ?\d{0,3}:(?:\*\*)?[ \t]+"
)
_END = re.compile(r"""[.!?…]+["'”’»)\]*_]*(?=\s|$)|[。！？｡]+["'”’»)」』】]*|[।॥؟۔]+(?=\s|$)""")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘«]+$")
_SPLIT_LONG = re.compile(r"\n|;\s|,\s")
_AFTER_ORDINAL = re.compile(AFTER_ORDINAL)
_MORE = """
    maj adm fr messrs mmes eg ie vols arts univ assn b.c a.d n.b u.ä s mio mrd sog hrsg p.ej n.º m гг им руб
"""
_ABBREVIATIONS = ABBREVIATIONS.union(_MORE.split())


class Kind(Enum):
    SENTENCE = auto()
    ROW = auto()
    CODE = auto()


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text[start:end]``; of a table row also where its header lines lie, when they stand in the same passage."""

    start: int
    end: int
    kind: Kind = Kind.SENTENCE
    header: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str  # without its newline

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def split_sentences(text: str) -> list[Sentence]:
    """All sentences, table rows and code blocks in reading order; spans neither overlap nor carry white space at their ends."""
    return list(_blocks(text, _lines(text)))


def _lines(text: str) -> list[_Line]:
    lines, position = [], 0
    for part in text.split("\n"):
        lines.append(_Line(position, part))
        position += len(part) + 1
    return lines


def _blocks(text: str, lines: list[_Line]) -> Iterator[Sentence]:
    index = 0
    while index < len(lines):
        line = lines[index].text
        if not line.strip() or _HEADING.match(line) or _is_underline(line):
            index += 1
        elif _FENCE.match(line):
            last = _end_of_code(lines, index)
            yield Sentence(lines[index].start, lines[last].end, Kind.CODE)
            index = last + 1
        elif _TABLE_ROW.match(line):
            last = _end_of_table(lines, index)
            yield from _rows(lines[index : last + 1])
            index = last + 1
        else:
            last = _end_of_paragraph(lines, index)
            yield from _paragraph(text, lines[index].start, lines[last].end)
            index = last + 1


def _is_underline(line: str) -> bool:
    return len(set(line.strip())) == 1 and line.strip()[0] in "=-*_" and len(line.strip()) > 2


def _end_of_code(lines: list[_Line], first: int) -> int:
    for index in range(first + 1, len(lines)):
        if _FENCE.match(lines[index].text):
            return index
    return len(lines) - 1


def _end_of_table(lines: list[_Line], first: int) -> int:
    last = first
    while last + 1 < len(lines) and _TABLE_ROW.match(lines[last + 1].text):
        last += 1
    return last


def _end_of_paragraph(lines: list[_Line], first: int) -> int:
    last = first
    while last + 1 < len(lines) and not _starts_block(lines[last + 1].text):
        last += 1
    return last


def _starts_block(line: str) -> bool:
    if not line.strip():
        return True
    return any(pattern.match(line) for pattern in (_HEADING, _FENCE, _TABLE_ROW, _ITEM))


def _rows(lines: list[_Line]) -> Iterator[Sentence]:
    has_header = len(lines) > 1 and _DELIMITER_ROW.match(lines[1].text)
    header = (lines[0].start, lines[1].end) if has_header else None
    for line in lines[2:] if has_header else lines:
        if not _DELIMITER_ROW.match(line.text):
            yield Sentence(*_trim(line.text, line.start), Kind.ROW, header)


def _paragraph(text: str, start: int, end: int) -> Iterator[Sentence]:
    marker = _ITEM.match(text, start, end)
    start = marker.end() if marker else start
    for match in _END.finditer(text, start, end):
        if _is_boundary(text, start, match, end):
            yield from _cut_long(text, start, match.end())
            start = match.end()
    yield from _cut_long(text, start, end)


def _is_boundary(text: str, start: int, match: re.Match[str], end: int) -> bool:
    following = text[match.end() : end].lstrip()[:1]
    if following.islower():
        return False  # also: click "Forgot password?" below
    if match.group() != "." or not following:
        return True
    word = _LAST_WORD.search(text, start, match.start())
    if word and word.group().isdigit() and _AFTER_ORDINAL.match(text, match.end(), end):
        return False  # "am 31. März"
    return not (word and _is_abbreviation(word.group(), is_first=word.start() == _skip_space(text, start)))


def _is_abbreviation(word: str, *, is_first: bool) -> bool:
    if is_first and word.isdigit():  # "3. Turn it on"
        return True
    if len(word) == 1:  # an initial, but "plan A." or "vitamin C." at an end are rarer than "J. Smith"
        return word.isalpha() and word.isupper()
    return word.lower().strip("*_`") in _ABBREVIATIONS


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _cut_long(text: str, start: int, end: int) -> Iterator[Sentence]:
    while end - start > LONGEST_SENTENCE:
        cuts = [match.end() for match in _SPLIT_LONG.finditer(text, start + 80, start + LONGEST_SENTENCE)]
        cut = _best_cut(text, cuts) or start + LONGEST_SENTENCE
        yield from _stripped(text, start, cut)
        start = cut
    yield from _stripped(text, start, end)


def _best_cut(text: str, cuts: list[int]) -> int | None:
    """The last line end, else the last semicolon, else the last comma."""
    for mark in "\n;,":
        fitting = [cut for cut in cuts if text[cut - 1] == mark or text[cut - 2] == mark]
        if fitting:
            return fitting[-1]
    return None


def _stripped(text: str, start: int, end: int) -> Iterator[Sentence]:
    first, last = _trim(text[start:end], start)
    if any(character.isalnum() for character in text[first:last]):
        yield Sentence(first, last)


def _trim(part: str, start: int) -> tuple[int, int]:
    return start + len(part) - len(part.lstrip()), start + len(part.rstrip())
