"""What of a passage may be quoted as one: a sentence, a row of a table, a block of code, a short list with the line that introduces it, an answer
behind its question.

Items of a numbered list are steps that say nothing by themselves; other items may be quoted alone as well. A line that ends with a colon
and introduces a list says nothing without it, and neither does the bare title or a link.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chatsphere.services.ai.sentences import Kind, Sentence, split_sentences
from chatsphere.services.types import SearchHit

LONGEST: Final = (
    700  # characters of a list or of an answer behind its question; of a longer list the first items are quoted
)
FEWEST_ITEMS: Final = 2
LONGEST_TITLE: Final = 80
MOST_ASKED: Final = 5  # sentences of such an answer

_IS_QUESTION: Final = re.compile(r"[?？؟][\"'”’»)\]*_]*$")
_HEADING: Final = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*$", re.MULTILINE)
_LINK: Final = re.compile(r"!?\[[^\]]*\]\([^)\s]*\)[.:]?")  # leads on, and answers nothing
_ITEM: Final = re.compile(r"(?P<indent>[ \t]*)(?:[-*+•‣·–]|(?P<number>\(?\d{1,3}[.)]))[ \t]+(?=.*\w)")
_OTHER_BLOCK: Final = re.compile(r"\s{0,3}(?:#{1,6}\s|```|~~~|\|)")
_Headings = tuple[list[int], list[str]]  # where each begins to hold, and its text


@dataclass(frozen=True, slots=True)
class Unit:
    """``text[start:end]`` of a passage. ``asked`` is the question that stands before it, ``heading`` the heading above it."""

    start: int
    end: int
    kind: Kind = Kind.SENTENCE
    header: tuple[int, int] | None = None  # of a table row
    asked: str = ""
    heading: str = ""
    is_list: bool = False
    is_steps: bool = False  # a numbered list
    is_cut: bool = False  # a list that goes on
    section: int = -1  # where the heading above it begins to hold


@dataclass(frozen=True, slots=True)
class _List:
    start: int
    end: int  # of what may be quoted
    is_numbered: bool
    item_ends: tuple[int, ...]

    @property
    def whole_end(self) -> int:
        return self.item_ends[-1]


def units_of(passage: SearchHit, *, is_asked: Callable[[str], bool] | None = None) -> list[Unit]:
    """All of them in reading order; a list overlaps its items. ``is_asked`` says which headings are what the visitor asks, beside those that are
    questions: the paragraph below one is quoted as a whole."""
    asks = is_asked or _is_question
    text, sentences = passage.text, split_sentences(passage.text)
    code = [each for each in sentences if each.kind is Kind.CODE]
    lists = [
        _with_lead_in(text, each, sentences)
        for each in _lists(text)
        if not any(block.start < each.end and each.start < block.end for block in code)
    ]
    short = [cut for each in lists if (cut := _as_much_as_fits(each)) is not None]
    steps = [each for each in short if each.is_numbered]
    headings = _headings(passage)
    found = [*_single(text, headings, sentences, short, steps, asks), *_whole(headings, short)]
    names = {name.casefold() for name in (passage.title, *passage.heading_path)}
    said = [unit for unit in found if text[unit.start : unit.end].casefold() not in names]
    return sorted((unit for unit in said if not _is_first_line(passage, unit)), key=lambda unit: unit.start)


def _is_first_line(passage: SearchHit, unit: Unit) -> bool:
    """Whether a document without headings is named by it: a short line at its very beginning that ends without a mark, a blank line after it."""
    line, is_open = passage.text[: unit.end], passage.text[unit.end :].startswith("\n\n")
    is_named = unit.start == passage.char_start == 0 and is_open and unit.kind is Kind.SENTENCE and not unit.is_list
    return is_named and len(line) <= LONGEST_TITLE and "\n" not in line and line[-1].isalnum()


def _single(
    text: str,
    headings: _Headings,
    sentences: Sequence[Sentence],
    short: Sequence[_List],
    steps: Sequence[_List],
    asks: Callable[[str], bool],
) -> Iterator[Unit]:
    """Sentences, rows and code that may stand alone."""
    asked, before, answered = "", -1, 0  # up to where an answer behind its question reaches
    for place, sentence in enumerate(sentences):
        heading = _above(headings, sentence.start)
        if before < 0 or _HEADING.search(text, before, sentence.start):
            asked = heading if asks(heading) else ""
        before = sentence.end
        quote = text[sentence.start : sentence.end]
        if sentence.kind is Kind.SENTENCE and _IS_QUESTION.search(quote):
            asked = quote
        elif sentence.start >= answered and not _LINK.fullmatch(quote) and not _is_part(text, sentence, short, steps):
            end = _end_of_answer(text, sentences[place : place + MOST_ASKED]) if asked else sentence.end
            answered = end if asked else answered
            yield Unit(
                sentence.start,
                end,
                sentence.kind,
                sentence.header,
                asked,
                heading,
                section=_begin(headings, sentence.start),
            )
            asked = ""


def _whole(headings: _Headings, short: Sequence[_List]) -> Iterator[Unit]:
    for each in short:
        heading = _above(headings, each.start)
        asked = heading if _IS_QUESTION.search(heading) else ""
        yield Unit(
            each.start, each.end, asked=asked, heading=heading, is_list=True, is_steps=each.is_numbered,
            is_cut=each.end < each.whole_end, section=_begin(headings, each.start),
        )  # fmt: skip


def _is_part(text: str, sentence: Sentence, short: Sequence[_List], steps: Sequence[_List]) -> bool:
    """Whether it is a step, or what introduces a list."""
    is_step = any(each.start <= sentence.start < each.whole_end for each in steps)
    return is_step or any(each.start == sentence.start and text[sentence.end - 1] == ":" for each in short)


def _end_of_answer(text: str, sentences: Sequence[Sentence]) -> int:
    """Of the sentences of the first one's paragraph, as many as are short together."""
    end = sentences[0].end
    for sentence in sentences[1:] if sentences[0].kind is Kind.SENTENCE else ():
        gap = text[end : sentence.start]
        is_same = sentence.kind is Kind.SENTENCE and gap.isspace() and "\n\n" not in gap
        if not is_same or sentence.end - sentences[0].start > LONGEST:
            break
        end = sentence.end
    return end


def _headings(passage: SearchHit) -> _Headings:
    above = passage.heading_path[-1] if passage.heading_path else ""
    inside = list(_HEADING.finditer(passage.text))
    return [0, *(match.start() for match in inside)], [above, *(match.group(1) for match in inside)]


def _is_question(heading: str) -> bool:
    return _IS_QUESTION.search(heading) is not None


def _begin(headings: _Headings, place: int) -> int:
    starts, _ = headings
    return starts[bisect_right(starts, place) - 1]


def _above(headings: _Headings, place: int) -> str:
    starts, texts = headings
    return texts[bisect_right(starts, place) - 1]


def _lists(text: str) -> Iterator[_List]:
    """Two items and more, with the lines that go on with an item."""
    start = position = 0
    ends = list[int]()  # of the items so far
    is_numbered = is_after_blank = False
    for line in [*text.split("\n"), "#"]:
        item = _ITEM.match(line)
        if item:
            if not ends:
                start, is_numbered = position, bool(item["number"])
            ends.append(position + len(line.rstrip()))
        elif line.strip() and ends and not _goes_on(line, is_after_blank=is_after_blank):
            if len(ends) >= FEWEST_ITEMS:
                yield _List(start, ends[-1], is_numbered, tuple(ends))
            ends = []
        elif line.strip() and ends:
            ends[-1] = position + len(line.rstrip())
        is_after_blank = not line.strip()
        position += len(line) + 1


def _goes_on(line: str, *, is_after_blank: bool) -> bool:
    return not _OTHER_BLOCK.match(line) and line != "#" and (not is_after_blank or line.startswith("  "))


def _with_lead_in(text: str, found: _List, sentences: Sequence[Sentence]) -> _List:
    """With the sentence before it that ends with a colon."""
    lead = next((each for each in reversed(sentences) if each.end <= found.start), None)
    is_lead = lead is not None and text[lead.end - 1] == ":" and not text[lead.end : found.start].strip()
    return replace(found, start=lead.start) if lead is not None and is_lead else found


def _as_much_as_fits(found: _List) -> _List | None:
    """Its first items; None when not even two are short enough."""
    fitting = [end for end in found.item_ends if end - found.start <= LONGEST]
    return replace(found, end=fitting[-1]) if len(fitting) >= FEWEST_ITEMS else None
