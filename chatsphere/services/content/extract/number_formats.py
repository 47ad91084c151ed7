"""What a cell of a spreadsheet shows for a number: a date, 25 % for 0.25, 19.90 € for 19.9. Codes are those of Excel (ECMA-376, 18.8.30)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_DATE: Final = re.compile(r"(?:yy|dd|d\W|\Wd\b|mmm|hh|h:|:ss|m/)", re.IGNORECASE)
_BUILT_IN_DATES: Final = frozenset([*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)])
_BUILT_IN: Final = {9: "0%", 10: "0.00%", 46: "[h]:mm:ss"}
_LITERAL: Final = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)[^\]]*\]|([€$£¥%])')
_LEFT_OUT: Final = re.compile(r"\[[^\]$][^\]]*\]|_.|\*.")  # colours and conditions, padding, filling
_HOURS: Final = re.compile(r"\[h+\]", re.IGNORECASE)
_DIGITS: Final = re.compile(r"[#0?][#0?,]*(?:\.([#0?]*))?")
_LAST_DAY: Final = 2_958_466  # of the calendar that spreadsheets know


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """``before`` and ``after`` stand around the number, which has ``least`` to ``most`` decimals."""

    is_date: bool = False
    is_hours: bool = False  # of a duration, which may be more than a day
    before: str = ""
    after: str = ""
    least: int = 0
    most: int = 0

    def shown(self, number: float, epoch: datetime) -> str | None:
        """None: the number has to be shown as it is."""
        if self.is_hours:
            minutes = round(abs(number) * 24 * 60)
            return f"{'-' if number < 0 else ''}{minutes // 60}:{minutes % 60:02}"
        if self.is_date:
            return _date(number, epoch) if 0 <= number < _LAST_DAY else None
        value = abs(number) * (100 if "%" in self.after else 1)
        whole, _, decimals = f"{value:.{self.most}f}".partition(".")
        decimals = decimals[: self.least] + decimals[self.least :].rstrip("0")
        return f"{'-' if number < 0 else ''}{self.before}{whole}{'.' if decimals else ''}{decimals}{self.after}"


def number_format(number: int, code: str | None) -> NumberFormat | None:
    """The format of this number, with the code that the workbook gives for it; None when it shows a number as it is."""
    if code is None:
        if number in _BUILT_IN_DATES:
            return NumberFormat(is_date=True)
        code = _BUILT_IN.get(number, "")
    if _HOURS.search(code):
        return NumberFormat(is_hours=True)
    if _DATE.search(re.sub(r"\"[^\"]*\"|\[[^\]]*\]", "", code)):
        return NumberFormat(is_date=True)
    return _with_literals(code.partition(";")[0])


def _with_literals(code: str) -> NumberFormat | None:
    """Of a plain number with words or signs around it. Fractions, powers, scaled numbers and numbers in pieces are shown as they are."""
    literals: list[str] = []

    def put_away(match: re.Match[str]) -> str:
        literals.append("".join(group or "" for group in match.groups()))
        return "\x00"

    bare = _LITERAL.sub(put_away, _LEFT_OUT.sub("", code))
    digits = _DIGITS.search(bare)
    if not literals or digits is None or digits[0].rstrip(".").endswith(","):
        return None
    before, after = bare[: digits.start()], bare[digits.end() :]
    if (before + after).strip("\x00 "):
        return None
    decimals = digits[1] or ""
    head = literals[: before.count("\x00")]
    filled = [_filled(before, head), _filled(after, literals[len(head) :])]
    return NumberFormat(
        before=filled[0].lstrip(), after=filled[1].rstrip(), least=decimals.count("0"), most=len(decimals)
    )


def _filled(places: str, literals: list[str]) -> str:
    waiting = iter(literals)
    return "".join(next(waiting) if each == "\x00" else each for each in places)


def _date(number: float, epoch: datetime) -> str:
    moment = epoch + timedelta(days=number)
    moment = (moment + timedelta(milliseconds=500)).replace(microsecond=0)
    if number < 1:
        return moment.strftime("%H:%M:%S")
    return moment.strftime("%Y-%m-%d") if number.is_integer() else moment.strftime("%Y-%m-%d %H:%M")
