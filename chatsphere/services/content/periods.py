"""The times and versions that a short text names: "Q2 2023", "March 2024", "2023-05-17", "FY23", "v2.3.1".

For titles, headings and questions, in English, German, French and Spanish. A count ("2000 seats" may look like a year) is told from a year only by
its form, so what is read here may prefer a passage, never exclude one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

Found = TypeVar("Found")
Day = tuple[int, int]  # month and day
Version = tuple[int, ...]
WHOLE_YEAR: Final[tuple[Day, Day]] = ((1, 1), (12, 31))


@dataclass(frozen=True, slots=True)
class Period:
    """Some days of a year, both ends included; a quarter without a year is that quarter of any year."""

    year: int | None
    first: Day
    last: Day

    def covers(self, other: Period) -> bool:
        """Whether all of ``other`` lies in it."""
        return self.year in (None, other.year) and self.first <= other.first and other.last <= self.last

    @property
    def end(self) -> tuple[int, int, int]:
        """What newer ones are greater by; those without a year are the oldest."""
        return (self.year or 0, *self.last)


@dataclass(frozen=True, slots=True)
class Named:
    """``rest`` is the text without them, folded: equal for texts that differ in nothing else."""

    periods: tuple[Period, ...]
    versions: tuple[Version, ...]
    rest: str


_MONTHS: Final = (
    "january|jan|januar|jänner|janvier|enero", "february|feb|februar|février|fevrier|febrero", "march|mar|märz|maerz|mars|marzo",
    "april|apr|avril|abril", "may|mai|mayo", "june|jun|juni|juin|junio", "july|jul|juli|juillet|julio", "august|aug|août|aout|agosto",
    "september|sept|sep|septembre|septiembre", "october|oct|oktober|okt|octobre|octubre", "november|nov|novembre|noviembre",
    "december|dec|dezember|dez|décembre|decembre|diciembre",
)  # fmt: skip
_ORDINALS: Final = (
    "1|1st|1er|1re|first|erste[snrm]?|premier|première|primer", "2|2nd|2e|2ème|second|zweite[snrm]?|deuxième|segundo",
    "3|3rd|3e|3ème|third|dritte[snrm]?|troisième|tercer", "4|4th|4e|4ème|fourth|vierte[snrm]?|quatrième|cuarto",
)  # fmt: skip
_YEAR: Final = r"(?<![\d.,$€£])(?P<year>(?:19|20)\d\d)(?![\d%]|[.,]\d)"
_SHORT_YEAR: Final = r"(?P<year>(?:19|20)?\d\d)(?!\d)"
_MONTH: Final = rf"\b(?P<month>{'|'.join(_MONTHS)})\b\.?"
_NTH_QUARTER: Final = rf"\b(?P<quarter_th>{'|'.join(_ORDINALS)})\.? (?:fiscal )?(?:quarter|quartal|trimestre)\b"
_QUARTER: Final = rf"(?:\b[qt](?P<quarter>[1-4])(?!\d|\.\d)|{_NTH_QUARTER})"
_HALF: Final = rf"(?:\bh(?P<half>[12])(?!\d)|\b(?P<half_th>{'|'.join(_ORDINALS[:2])})\.? (?:half|halbjahr|semestre)\b)"
_OF: Final = r"(?:[ ,/–-]{1,3}(?:of |de |del |du |des jahres |im jahr |in )?(?:the )?(?:fiscal (?:year )?|fy ?|year |l'année )?)?"
_BETWEEN: Final = r"[ ,:/–-]{0,3}"
_DAY: Final = r"(?P<day>0?[1-9]|[12]\d|3[01])"
_VERSIONS: Final = re.compile(
    r"(?:\bv(?:ersion|\.)? ?|\brelease )(?P<named>\d{1,4}(?:\.\d{1,6}){0,4})(?![\d.]*\d)|(?<![\d.])(?P<bare>\d{1,4}(?:\.\d{1,6}){2,4})(?!\.?\d)"
)
_DATES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_YEAR}[-/](?P<number>0[1-9]|1[0-2])[-/]{_DAY}(?!\d)",
        rf"(?<![\d.]){_DAY}\. ?(?P<number>0?[1-9]|1[0-2])\. ?(?P<year>(?:19|20)\d\d)(?!\d)",
        rf"{_YEAR}[-/](?P<number>0[1-9]|1[0-2])(?![\d-])",
        rf"(?<![\w/.])(?P<number>0?[1-9]|1[0-2])/{_YEAR}",
        rf"(?<!\d){_DAY}(?:st|nd|rd|th|\.|er)? (?:of |de )?{_MONTH}(?:,? (?:of |de |del )?{_YEAR})",
        rf"{_MONTH} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}",
        rf"{_MONTH}(?:,? |[-'/])(?:of |de |del )?{_YEAR}",
        rf"{_YEAR}[ -]+(?!may\b|mar\b){_MONTH}",
        rf"{_YEAR}{_BETWEEN}(?:{_QUARTER}|{_HALF})",
        rf"(?:{_QUARTER}|{_HALF}){_OF}{_YEAR}",
        rf"(?:{_QUARTER}|{_HALF})(?: ?['’/]|[ -]?fy ?'?){_SHORT_YEAR}",
        rf"(?<!\d)(?P<quarter>[1-4])q ?{_SHORT_YEAR}",
        rf"\bq(?P<quarter>[1-4])(?!\d|\.\d)|{_NTH_QUARTER}",
        rf"\b(?:fy|fiscal year|fiscal) ?'?{_SHORT_YEAR}",
        _YEAR,
    )
)
_DIGIT_OR_QUARTER: Final = re.compile(r"\d|quart|trimestre")
_BLANK: Final = re.compile(r"[\W_]+")
_NEWEST: Final = re.compile(
    r"\b(?:latest|newest|most recent|most up[- ]to[- ]date|(?:aller)?neue?ste[nrsm]?|jüngste[nrsm]?|aktuellste[nrsm]?"
    r"|plus récente?s?|derni[eè]re?s?|más recientes?|mas recientes?|últim[oa]s?|ultim[oa]s?)\b"
)


@lru_cache(maxsize=4_000)
def named_in(text: str) -> Named:
    """What a text names, in the order of precision. Remembered: titles come again with each question."""
    left = " ".join(unicodedata.normalize("NFKC", text).casefold().replace("_", " ").split())
    if not _DIGIT_OR_QUARTER.search(left):
        return Named((), (), _rest(left))
    periods: list[Period] = []
    versions: list[Version] = []
    for pattern in _DATES[:2]:  # a day written with dots is no version
        left = pattern.sub(_taken(periods, _period), left)
    left = _VERSIONS.sub(_taken(versions, _version), left)
    for pattern in _DATES[2:]:
        left = pattern.sub(_taken(periods, _period), left)
    return Named(tuple(_with_the_year(periods)), tuple(versions), _rest(left))


def asks_for_the_newest(text: str) -> bool:
    """Whether it says "latest", "most recent" and the like. "Last" is left alone: it may be the one before this."""
    return _NEWEST.search(text.casefold()) is not None


def _rest(left: str) -> str:
    return _BLANK.sub(" ", left).strip()


def _taken(found: list[Found], read: Callable[[re.Match[str]], Found]) -> Callable[[re.Match[str]], str]:
    def take(match: re.Match[str]) -> str:
        found.append(read(match))
        return " \x00 "  # so that what stood on both sides does not become one

    return take


def _with_the_year(periods: list[Period]) -> Iterator[Period]:
    """In "Q1 and Q3 2023" and in "in 2023, how was the third quarter" all quarters are of the one year that is named."""
    years = {period.year for period in periods if period.year}
    if len(years) != 1 or all(period.year for period in periods):
        yield from periods
        return
    for period in periods:
        if (period.first, period.last) != WHOLE_YEAR:
            yield Period(period.year or next(iter(years)), period.first, period.last)


def _version(match: re.Match[str]) -> Version:
    return tuple(map(int, (match["named"] or match["bare"]).split(".")))


def _period(match: re.Match[str]) -> Period:
    parts = match.groupdict()
    year = _year(parts["year"]) if parts.get("year") else None
    first, last = _months(parts)
    if day := parts.get("day"):
        return Period(year, (first, int(day)), (first, int(day)))
    return Period(year, (first, 1), (last, 31))


def _year(digits: str) -> int:
    return int(digits) + (2000 if len(digits) == 2 else 0)


def _months(parts: dict[str, str | None]) -> tuple[int, int]:
    """The first and the last one."""
    if month := parts.get("number") or _place(parts.get("month"), _MONTHS):
        return int(month), int(month)
    if half := parts.get("half") or _place(parts.get("half_th"), _ORDINALS):
        return 6 * int(half) - 5, 6 * int(half)
    if quarter := parts.get("quarter") or _place(parts.get("quarter_th"), _ORDINALS):
        return 3 * int(quarter) - 2, 3 * int(quarter)
    return 1, 12


def _place(word: str | None, alternatives: tuple[str, ...]) -> int:
    """Of the pattern that is the word, from 1; 0 without a word."""
    return next((n for n, pattern in enumerate(alternatives, 1) if word and re.fullmatch(pattern, word)), 0)
