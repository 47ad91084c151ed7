from __future__ import annotations

import pytest

from chatsphere.services.content.periods import Day, Period, asks_for_the_newest, named_in

SECOND_QUARTER = Period(2023, (4, 1), (6, 31))
YEAR = Period(2023, (1, 1), (12, 31))


def day(month: int, number: int) -> Period:
    return Period(2023, (month, number), (month, number))


@pytest.mark.parametrize(
    "text",
    [
        "2023 Q2 AAPL.pdf", "AAPL_2023_Q2", "report-2023-q2", "Q2 2023", "Q2/2023", "Q2'23", "2Q23", "FY23 Q2", "Q2 FY2023", "second quarter of 2023",
        "the 2nd fiscal quarter of fiscal year 2023", "In 2023, how did the second quarter go?", "2. Quartal 2023", "zweites Quartal des Jahres 2023",
        "deuxième trimestre 2023", "T2 2023", "segundo trimestre de 2023",
    ],
)  # fmt: skip
def test_a_quarter_is_read_in_its_many_forms(text: str) -> None:
    assert named_in(text).periods == (SECOND_QUARTER,)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("Minutes 2023-05-17", day(5, 17)),
        ("17.05.2023", day(5, 17)),
        ("May 17th, 2023", day(5, 17)),
        ("17 de mayo de 2023", day(5, 17)),
        ("1er mars 2023", day(3, 1)),
        ("Preisliste Ma\u0308rz 2023", Period(2023, (3, 1), (3, 31))),  # as some systems write names of files
        ("newsletter 03/2023", Period(2023, (3, 1), (3, 31))),
        ("2023-03", Period(2023, (3, 1), (3, 31))),
        ("H1 2023", Period(2023, (1, 1), (6, 31))),
        ("2. Halbjahr 2023", Period(2023, (7, 1), (12, 31))),
        ("FY23", YEAR),
        ("Handbook 2023 (final)", YEAR),
        ("In 2023 may I leave?", YEAR),
        ("Q2", Period(None, (4, 1), (6, 31))),
    ],
)
def test_days_months_halves_and_years_are_read(text: str, period: Period) -> None:
    assert named_in(text).periods == (period,)


def test_quarters_share_the_one_year_that_is_named() -> None:
    assert {period.year for period in named_in("Compare Q1 with Q2 2023").periods} == {2023}
    assert None in {period.year for period in named_in("Compare Q1 with Q2 2022 and Q2 2023").periods}


@pytest.mark.parametrize(
    "text", ["It costs $2000", "2,000 seats", "2000.50 EUR", "room 12023", "May I?", "3.5 Setting up", "t2.micro", ""]
)
def test_other_numbers_name_nothing(text: str) -> None:
    named = named_in(text)
    assert (named.periods, named.versions) == ((), ())


@pytest.mark.parametrize(
    ("text", "version"),
    [("v2.3", (2, 3)), ("What is new in version 2?", (2,)), ("Release 2.3.1", (2, 3, 1)), ("2.3.1 – fixes", (2, 3, 1))],
)
def test_versions_are_read(text: str, version: tuple[int, ...]) -> None:
    assert named_in(text).versions == (version,)


def test_a_release_names_its_version_and_its_day() -> None:
    named = named_in("Release 2.3.1 (2023-05-17)")
    assert (named.versions, named.periods, named.rest) == (((2, 3, 1),), (day(5, 17),), "")


def test_titles_that_differ_in_the_date_alone_have_the_same_rest() -> None:
    assert named_in("2023 Q2 AAPL.pdf").rest == named_in("2022 Q3 AAPL.pdf").rest == "aapl pdf"
    assert named_in("2023 Q2 NVDA.pdf").rest != named_in("2023 Q2 AAPL.pdf").rest
    assert named_in("Price list").rest == "price list"


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        (YEAR, SECOND_QUARTER, True),
        (SECOND_QUARTER, YEAR, False),
        (SECOND_QUARTER, day(5, 17), True),
        (SECOND_QUARTER, day(7, 1), False),
        (Period(None, (4, 1), (6, 31)), SECOND_QUARTER, True),
        (SECOND_QUARTER, Period(None, (4, 1), (6, 31)), False),
        (YEAR, Period(2022, (4, 1), (6, 31)), False),
    ],
)
def test_a_period_covers_what_lies_in_it(wide: Period, narrow: Period, expected: bool) -> None:
    assert wide.covers(narrow) is expected


def test_periods_are_ordered_by_their_end() -> None:
    first: Day = (1, 1)
    assert sorted([YEAR, SECOND_QUARTER, Period(None, first, (3, 31)), Period(2022, first, (12, 31))], key=lambda p: p.end) == [
        Period(None, first, (3, 31)), Period(2022, first, (12, 31)), SECOND_QUARTER, YEAR,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the LATEST price list?", True),
        ("the most recent 10-Q", True),
        ("die neueste Preisliste", True),
        ("le tarif le plus récent", True),
        ("la lista más reciente", True),
        ("Which one came last year?", False),
        ("neue Preise", False),
        ("lately", False),
    ],
)
def test_who_asks_for_the_newest_says_so(text: str, expected: bool) -> None:
    assert asks_for_the_newest(text) is expected


def test_hostile_texts_take_no_time() -> None:
    for text in ("1" * 50_000, "1." * 25_000, "2023 " * 10_000, "first " * 10_000, "v" * 50_000, "q1 " * 10_000 + "x"):
        named_in(text)
