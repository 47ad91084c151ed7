"""Of documents that differ in a date, the one that the question means: "revenue in Q2 2023", "the latest price list", "what is new in v2.3".

Words and vectors hardly tell "2023 Q2 report" from "2023 Q3 report". So a hit whose title or heading names the period or version of the question, or
is the newest among titles that differ in nothing else when the question asks for the newest, has its score raised. Only the first
element of title and headings that names one counts: further down, a report compares itself with others.
docs/algorithms/search.md has the figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from chatsphere.services.content.periods import Named, Period, Version, asks_for_the_newest, named_in
from chatsphere.services.types import SearchHit

BONUS: Final = 1.0  # in the score of the search, a mean of z-scores
SHARE_OF_WIDER: Final = 0.5  # of it, for a title "2023" when the question is about the second quarter

Mark = tuple[
    tuple[str, ...], tuple[int, ...]
]  # what titles have in common that differ in the date alone, and their dates


class Meant(NamedTuple):
    """What tells documents apart in a question."""

    periods: tuple[Period, ...] = ()
    versions: tuple[Version, ...] = ()
    newest: bool = False


MEANS_NONE: Final = Meant()


class _Place(NamedTuple):
    """What title and headings of a hit name."""

    periods: tuple[Period, ...]
    versions: tuple[Version, ...]
    marks: frozenset[Mark]


def meant_by(*texts: str) -> Meant:
    """By the first text that says something: a question goes before what was said before it."""
    return next((meant for meant in map(_meant, texts) if meant != MEANS_NONE), MEANS_NONE)


def prefer_meant(meant: Meant, hits: Sequence[SearchHit]) -> tuple[SearchHit, ...]:
    """Best first, by ``fused`` with what ``period`` shows added. As they are when nothing is meant or no title names a period or version."""
    places = [] if meant == MEANS_NONE else list(map(_place, hits))
    newest = _newest(places) if meant.newest else frozenset()
    bonuses = [BONUS * (1.0 if place.marks & newest else _share(meant, place)) for place in places]
    if not any(bonuses):
        return tuple(hits)
    raised = (
        replace(hit, fused=hit.fused + bonus, period=bonus) if bonus else hit
        for hit, bonus in zip(hits, bonuses, strict=True)
    )
    return tuple(sorted(raised, key=lambda hit: -hit.fused))


def _meant(text: str) -> Meant:
    named = named_in(text)
    return Meant(named.periods, named.versions, asks_for_the_newest(text))


def _share(meant: Meant, place: _Place) -> float:
    pairs = [(asked, named) for asked in meant.periods for named in place.periods]
    versions = [(asked, named) for asked in meant.versions for named in place.versions]
    if any(asked.covers(named) for asked, named in pairs) or any(_begins(named, asked) for asked, named in versions):
        return 1.0
    wider = any(named.covers(asked) for asked, named in pairs) or any(
        _begins(asked, named) for asked, named in versions
    )
    return SHARE_OF_WIDER if wider else 0.0


def _begins(version: Version, prefix: Version) -> bool:
    return version[: len(prefix)] == prefix


def _place(hit: SearchHit) -> _Place:
    path = [named_in(part) for part in (hit.title, *hit.heading_path)]
    dated = next((depth for depth, named in enumerate(path) if named.periods), None)
    versioned = next((depth for depth, named in enumerate(path) if named.versions), None)
    periods = () if dated is None else path[dated].periods
    versions = () if versioned is None else path[versioned].versions
    marks = set[Mark]()
    if dated is not None:
        marks.add((("date", *_rests(path, dated)), max(period.end for period in periods)))
    if versioned is not None:
        marks.add((("version", *_rests(path, versioned)), max(versions)))
    return _Place(periods, versions, frozenset(marks))


def _rests(path: Sequence[Named], depth: int) -> tuple[str, ...]:
    return tuple(named.rest for named in path[: depth + 1])


def _newest(places: Sequence[_Place]) -> frozenset[Mark]:
    """Of each series that has more than one date."""
    series: defaultdict[tuple[str, ...], set[tuple[int, ...]]] = defaultdict(set)
    for name, date in (mark for place in places for mark in place.marks):
        series[name].add(date)
    return frozenset((name, max(dates)) for name, dates in series.items() if len(dates) > 1)
