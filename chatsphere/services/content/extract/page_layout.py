"""From words with places on a page to lines in reading order: rows, columns of text, tables.

Coordinates are points from the page's top left corner, y downwards. The order comes from geometry alone, not from the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

_NUMBER_LIKE = re.compile(r"[\s$€£¥%()\[\]+\-–—.,:;/*\d]+\Z")
_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_GAP = 0.75  # of the height: white space that parts two segments of a row
_MIN_COLUMN_ROWS = 5


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    left: float
    top: float
    right: float
    bottom: float
    is_bold: bool = False

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(slots=True)
class Segment:
    """Words of one row with no wide gap between them: a line of a column, or a cell of a table."""

    words: list[Word]
    left: float
    right: float
    top: float
    bottom: float

    @property
    def text(self) -> str:
        words = self.words
        if any(_RTL.search(word.text) for word in words) and _is_rtl(words):
            words = words[::-1]
        return " ".join(word.text for word in words)

    @property
    def height(self) -> float:
        return max(word.height for word in self.words)

    @property
    def is_bold(self) -> bool:
        return all(word.is_bold for word in self.words)

    @property
    def is_number(self) -> bool:
        return bool(_NUMBER_LIKE.match(self.text))


@dataclass(slots=True)
class Row:
    segments: list[Segment]

    @property
    def top(self) -> float:
        return min(segment.top for segment in self.segments)

    @property
    def bottom(self) -> float:
        return max(segment.bottom for segment in self.segments)

    @property
    def left(self) -> float:
        return self.segments[0].left

    @property
    def right(self) -> float:
        return max(segment.right for segment in self.segments)

    @property
    def height(self) -> float:
        return max(segment.height for segment in self.segments)

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Zone:
    """Rows that are read from top to bottom: a column, or the full width of the page."""

    rows: tuple[Row, ...]


def zones(words: Sequence[Word]) -> list[Zone]:
    """The page's text in reading order."""
    return [Zone(tuple(rows)) for rows in _split(_rows(words), depth=0) if rows]


def _is_rtl(words: Sequence[Word]) -> bool:
    rtl = sum(len(word.text) for word in words if _RTL.search(word.text))
    return rtl * 2 > sum(len(word.text) for word in words)


# --- rows ---


def _rows(words: Sequence[Word]) -> list[Row]:
    """Words whose middles lie within each other's height share a row."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda word: (word.top + word.bottom, word.left)):
        middle = (word.top + word.bottom) / 2
        if rows and _shares_row(rows[-1], word, middle):
            rows[-1].append(word)
        else:
            rows.append([word])
    return [Row(list(_segments(row))) for row in rows]


def _shares_row(row: list[Word], word: Word, middle: float) -> bool:
    first = row[0]
    return first.top < middle < first.bottom or word.top < (first.top + first.bottom) / 2 < word.bottom


def _segments(row: list[Word]) -> Iterator[Segment]:
    row.sort(key=lambda word: word.left)
    begin, right = 0, row[0].right
    for index, word in enumerate(row):
        if word.left - right > _GAP * max(min(word.height, row[index - 1].height), 4.0):
            yield _segment(row[begin:index])
            begin = index
        right = max(right, word.right) if index > begin else word.right
    yield _segment(row[begin:])


def _segment(words: list[Word]) -> Segment:
    return Segment(
        words,
        min(word.left for word in words),
        max(word.right for word in words),
        min(word.top for word in words),
        max(word.bottom for word in words),
    )


# --- columns of running text ---


def _split(rows: list[Row], depth: int) -> Iterator[list[Row]]:
    """Where a gutter parts running text on both sides, the left side is read first; rows across the gutter part the page."""
    gutter = _gutter(rows) if depth < 3 else None
    if gutter is None:
        yield rows
        return
    band: list[Row] = []
    for row in rows:
        if _crosses(row, gutter):
            yield from _columns(band, gutter, depth)
            band = []
            yield [row]
        else:
            band.append(row)
    yield from _columns(band, gutter, depth)


def _columns(band: list[Row], gutter: float, depth: int) -> Iterator[list[Row]]:
    left, right = _sides(band, gutter)
    if left and right and not _reads_as_columns(left, right):
        yield band
        return
    for side in (left, right):
        if side:
            yield from _split(side, depth + 1)


def _sides(rows: Sequence[Row], gutter: float) -> tuple[list[Row], list[Row]]:
    left = [Row(part) for row in rows if (part := [s for s in row.segments if s.right <= gutter + 1])]
    right = [Row(part) for row in rows if (part := [s for s in row.segments if s.right > gutter + 1])]
    return left, right


def _reads_as_columns(left: list[Row], right: list[Row]) -> bool:
    return len(left) < 3 or len(right) < 3 or (_is_running_text(left) and _is_running_text(right))


def _crosses(row: Row, gutter: float) -> bool:
    return any(segment.left < gutter - 2 and segment.right > gutter + 2 for segment in row.segments)


def _gutter(rows: list[Row]) -> float | None:
    """The x that parts most rows into running text on both sides, if there is one."""
    segments = [segment for row in rows for segment in row.segments]
    if len(rows) < _MIN_COLUMN_ROWS:
        return None
    page_left, page_right = min(s.left for s in segments), max(s.right for s in segments)
    best, best_rows = None, 0
    for x in _frequent_lefts(segments, page_left + 0.15 * (page_right - page_left)):
        gutter = x - 3
        apart = [row for row in rows if not _crosses(row, gutter)]
        left, right = _sides(apart, gutter)
        both = min(len(left), len(right))
        is_better = both >= _MIN_COLUMN_ROWS and both > best_rows and len(apart) > len(rows) * 0.35
        if is_better and _is_running_text(left) and _is_running_text(right):
            best, best_rows = gutter, both
    return best


def _frequent_lefts(segments: list[Segment], beyond: float) -> list[float]:
    """Left edges shared by several segments, commonest first."""
    counts: dict[int, int] = {}
    for segment in segments:
        if segment.left > beyond:
            key = round(segment.left / 3)
            counts[key] = counts.get(key, 0) + 1
    frequent = [key for key, count in counts.items() if count >= 3]
    return [key * 3.0 for key in sorted(frequent, key=lambda key: -counts[key])[:6]]


def _is_running_text(rows: list[Row]) -> bool:
    """Lines of several words that fill their column, without wide gaps and with few numbers: text, not the cells of a table."""
    width = max(row.right for row in rows) - min(row.left for row in rows)
    words = [word.text for row in rows for segment in row.segments for word in segment.words]
    numbers = sum(bool(_NUMBER_LIKE.match(word)) for word in words) / len(words)
    filled = median(row.right - row.left for row in rows) / max(width, 1)
    inked = median(sum(s.right - s.left for s in row.segments) / max(row.right - row.left, 1) for row in rows)
    return len(words) / len(rows) >= 3.5 and filled > 0.55 and inked > 0.8 and numbers < 0.25
