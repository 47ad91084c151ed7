"""An answer laid beside what it cites: which statements a marker vouches for, and which of those the passages bear out.

A marker vouches for the statement in which or behind which it stands, and for others of its paragraph that have none of their own: for those
before it first. A list belongs to the paragraph that leads to it. Being vouched for is not enough: each is compared by itself.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from chatsphere.services.ai.statements import Role, Statement, statements_of
from chatsphere.services.ai.strange_words import strange_words
from chatsphere.services.ai.support import Evidence, is_borne_out, is_copied_code, is_not_contradicted
from chatsphere.services.content.language import detect_language
from chatsphere.services.types import SearchHit
from chatsphere.services.vector_store.stop_words import STOP_WORDS

FALLBACK_LANGUAGE: Final = "en"  # both sides are stemmed alike, so others lose little
LEAST_SHOWN: Final = 2  # function words that show a language
_OWN_SCRIPT: Final = frozenset({"ja", "ko", "th", "el", "he", "hy", "ka", "zh", "ru", "uk", "bg", "ar", "fa", "hi"})
_PARAGRAPH_END: Final = re.compile(r"\n[ \t]*\n\s*")
_ITEM: Final = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]")
_LATIN: Final = re.compile(r"[A-Za-z\u00c0-\u024f]")
_WORD: Final = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``numbers`` are those of the passages that vouch for it; without any nobody does. ``strange`` are words of a statement that is borne out
    which none of these passages has."""

    statement: Statement
    numbers: tuple[int, ...]
    is_borne_out: bool
    strange: tuple[str, ...] = ()


def check_answer(
    answer: str, marks: Sequence[tuple[int, int]], passages: Sequence[SearchHit], *, language: str = ""
) -> list[Verdict]:
    """One verdict a statement, in order. ``answer`` is without its markers, which ``marks`` are: place in it, number of a passage from 1.

    Takes some milliseconds for an answer of usual length.
    """
    cited = " ".join(passages[number - 1].text for number in sorted({number for _, number in marks}))
    primary = language_shown(answer) or language_shown(cited) or language.partition("-")[0].lower() or FALLBACK_LANGUAGE
    statements = statements_of(answer, primary)
    vouching = _vouching(answer, statements, marks)
    library = {number: passages[number - 1] for number in sorted({n for ns in vouching for n in ns})}
    evidence = {number: Evidence(passage, primary) for number, passage in library.items()}
    foreign = {number for number, passage in library.items() if is_foreign(answer, passage.text)}
    verdicts = [
        _judged(each, numbers, evidence, foreign, primary)
        for each, numbers in zip(statements, vouching, strict=True)
        if each.role is not Role.NOTHING and (numbers or each.role is not Role.LEAD_IN)
    ]
    return _with_polar(answer, verdicts)


def _judged(
    statement: Statement, numbers: tuple[int, ...], evidence: Mapping[int, Evidence], foreign: set[int], language: str
) -> Verdict:
    is_good = _is_borne_out(statement, numbers, evidence, foreign, language)
    is_comparable = is_good and statement.role is Role.STATEMENT and not statement.is_code
    given = [evidence[number] for number in numbers]
    strange = (
        () if foreign.intersection(numbers) or not is_comparable else strange_words(statement.text, given, language)
    )
    return Verdict(statement, numbers, is_good, strange)


def language_shown(text: str) -> str:
    """The language that a text's letters or function words show, "" when they show none."""
    is_latin = 2 * len(_LATIN.findall(text)) > sum(map(str.isalpha, text))
    by_script = "" if is_latin else detect_language(text)
    if by_script in _OWN_SCRIPT:
        return by_script
    words = [word.casefold() for word in _WORD.findall(text)]
    counts = sorted((sum(word in known for word in words), language) for language, known in STOP_WORDS.items())
    return counts[-1][1] if counts[-1][0] >= LEAST_SHOWN and counts[-1][0] > counts[-2][0] else ""


def is_foreign(answer: str, passage: str) -> bool:
    """Whether the two are surely in different languages. An answer of few words may have no function word."""
    one, other = language_shown(answer) or detect_language(answer), language_shown(passage)
    return bool(one) and bool(other) and one != other


def _is_borne_out(
    statement: Statement, numbers: Sequence[int], evidence: Mapping[int, Evidence], foreign: set[int], language: str
) -> bool:
    given = [evidence[number] for number in numbers]
    if not given:
        return False
    if statement.role is Role.LEAD_IN:
        return bool(foreign.intersection(numbers)) or is_not_contradicted(statement.text, given, language)
    if statement.is_code:
        return is_copied_code(statement.text, given)
    return is_borne_out(statement.text, given, language, is_foreign=foreign.issuperset(numbers))


def _with_polar(answer: str, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """ "Yes." stands when a statement of its paragraph does."""
    paragraphs = _paragraphs(answer)
    good = {
        bisect_right(paragraphs, each.statement.start)
        for each in verdicts
        if each.is_borne_out and each.statement.role is Role.STATEMENT
    }
    return [
        Verdict(each.statement, each.numbers, bisect_right(paragraphs, each.statement.start) in good)
        if each.statement.role is Role.POLAR
        else each
        for each in verdicts
    ]


def _vouching(answer: str, statements: Sequence[Statement], marks: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """The numbers of the passages that vouch for each statement."""
    own = [set[int]() for _ in statements]
    starts = [statement.start for statement in statements]
    for place, number in marks:
        index = bisect_right(starts, place - 1) - 1
        follows = index + 1 < len(statements) and _leads_line(answer, place, starts[index + 1])
        if index >= 0 and not (follows and own[index]):
            own[index].add(number)
        if follows:
            own[index + 1].add(number)
    paragraphs = _paragraphs(answer)
    group = [bisect_right(paragraphs, start) for start in starts]
    return [tuple(sorted(numbers or _borrowed(index, own, group))) for index, numbers in enumerate(own)]


def _leads_line(answer: str, place: int, start: int) -> bool:
    """Whether a marker stands at the beginning of the line in which the next statement begins."""
    before = answer[:place].rpartition("\n")[2]
    return not answer[place:start].strip(" \t:.-*") and (not before.strip() or bool(_ITEM.fullmatch(f"{before} ")))


def _borrowed(index: int, own: Sequence[set[int]], group: Sequence[int]) -> set[int]:
    """Of the nearest statement of the paragraph that has some: behind, then before."""
    mates = [other for other, number in enumerate(group) if number == group[index] and own[other]]
    behind = [other for other in mates if other > index]
    return own[behind[0]] if behind else own[mates[-1]] if mates else set()


def _paragraphs(answer: str) -> list[int]:
    """Where each paragraph begins, the first left out. What leads to a list and all its items are one."""
    found = []
    ends = list(_PARAGRAPH_END.finditer(answer))
    begins = [0, *(match.end() for match in ends)]
    for (before, after), end in zip(pairwise(begins), ends, strict=True):
        text = answer[before : end.start()]
        last_line = text.rpartition("\n")[2]
        leads = text.rstrip(" *_").endswith((":", "："))
        if not leads and not (_ITEM.match(answer, after) and _ITEM.match(last_line)) and not _is_code(answer, after):
            found.append(after)
    return found


def _is_code(answer: str, place: int) -> bool:
    return answer.startswith("```", place)
