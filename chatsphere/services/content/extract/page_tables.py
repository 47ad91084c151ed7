"""Tables without lines: rows whose segments stand below each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from chatsphere.services.content.extract.page_layout import Row, Segment

_CURRENCY = re.compile(r"[(]?[$€£¥][(]?\Z")
_SUFFIX = re.compile(r"[)%*†‡]+\Z")
_MAX_GAP = 2.6  # of a row's height: more white space ends a table
_HEADER_ROWS = 2  # that a table may have above its first row of several cells
_MAX_LABELS = 3  # rows in a row that hold a label alone


def parts(rows: Sequence[Row]) -> Iterator[tuple[bool, list[Row]]]:
    """Consecutive rows, each run marked as table or not."""
    index = 0
    plain: list[Row] = []
    while index < len(rows):
        end = _table_end(rows, index)
        if end > index:
            header = _header_above(plain, rows[index], rows)
            if len(plain) > header:
                yield False, plain[: len(plain) - header]
            yield True, [*plain[len(plain) - header :], *rows[index:end]]
            plain = []
            index = end
        else:
            plain.append(rows[index])
            index += 1
    if plain:
        yield False, plain


def _header_above(above: Sequence[Row], first: Row, rows: Sequence[Row]) -> int:
    """How many of the rows above a table stand over its columns, away from the left margin, and so belong to its header."""
    left = min(row.left for row in rows)
    width = max(row.right for row in rows) - left
    count, below = 0, first
    for row in reversed(above[-_HEADER_ROWS:]):
        is_over_columns = row.left > left + 0.4 * width and below.top - row.bottom < row.height
        if not is_over_columns or _is_prose(row, width):
            break
        count, below = count + 1, row
    return count


def grid(rows: Sequence[Row]) -> list[list[str]]:
    """The cells of a table's rows, all rows equally long; a cell over several columns stands in the first of them."""
    joined = [_joined_signs(row.segments) for row in rows]
    edges = _columns(joined)
    table = []
    for segments in joined:
        line = [""] * len(edges)
        for segment in segments:
            column = _column_of(segment, edges)
            line[column] = f"{line[column]} {segment.text}".strip()
        table.append(line)
    return _joined_wraps(table)


def _table_end(rows: Sequence[Row], begin: int) -> int:
    """Where the table that begins here ends; ``begin`` when none does."""
    if len(_joined_signs(rows[begin].segments)) < 2 or _is_list_row(rows[begin]):
        return begin
    end, several, last_several = begin, 0, begin
    width = max(row.right for row in rows) - min(row.left for row in rows)
    while end < len(rows):
        if end > begin and rows[end].top - rows[end - 1].bottom > _MAX_GAP * rows[end].height:
            break
        if len(_joined_signs(rows[end].segments)) >= 2 and not _is_list_row(rows[end]):
            several += 1
            last_several = end
        elif end - last_several > _MAX_LABELS or _is_prose(rows[end], width):
            break
        end += 1
    end = last_several + 1
    is_table = several >= 2 and _is_spaced(rows[begin:end]) and _is_aligned(rows[begin:end])
    return end if is_table else begin


def _is_list_row(row: Row) -> bool:
    """A bullet or number and one stretch of text."""
    first = row.segments[0].text
    return len(row.segments) == 2 and bool(re.fullmatch(r"[•◦▪●○■–\-*·]|\(?[0-9a-zA-Z]{1,3}[.)]", first))


def _is_prose(row: Row, width: float) -> bool:
    """A line over the whole width, or one that ends a sentence: no label of a table."""
    text = row.text.rstrip()
    return row.right - row.left > 0.85 * width or (len(text) > 60 and text.endswith((".", ";")))


def _is_spaced(rows: Sequence[Row]) -> bool:
    """Whether cells stand further apart than the words of justified text do, or are mostly numbers."""
    gaps = [(b.left - a.right) / row.height for row in rows for a, b in pairwise(row.segments)]
    cells = [segment for row in rows for segment in row.segments[1:]]
    numbers = sum(segment.is_number for segment in cells)
    return median(gaps) > 1.3 or numbers > 0.4 * len(cells)


def _is_aligned(rows: Sequence[Row]) -> bool:
    """Whether the columns found hold: most cells beyond the first column stand in one that other rows use too."""
    joined = [_joined_signs(row.segments) for row in rows]
    edges = _columns(joined)
    if len(edges) < 2:
        return False
    used = [0] * len(edges)
    for segments in joined:
        for column in {_column_of(segment, edges) for segment in segments}:
            used[column] += 1
    shared = sum(count for count in used[1:] if count >= 2)
    return shared >= 0.6 * sum(used[1:])


def _joined_signs(segments: Sequence[Segment]) -> list[Segment]:
    """``$`` belongs to the number after it, ``)`` and ``%`` to the one before."""
    joined: list[Segment] = []
    for segment in segments:
        text = segment.text
        if joined and (_CURRENCY.match(joined[-1].text) or (_SUFFIX.match(text) and joined[-1].is_number)):
            joined[-1] = _merge(joined[-1], segment)
        else:
            joined.append(segment)
    return joined


def _merge(left: Segment, right: Segment) -> Segment:
    return Segment(
        left.words + right.words, left.left, right.right, min(left.top, right.top), max(left.bottom, right.bottom)
    )


def _columns(rows: Sequence[Sequence[Segment]]) -> list[tuple[float, float]]:
    """Intervals of x in which cells stand; cells that reach over several such intervals do not count."""
    width = median(len(segments) for segments in rows if len(segments) > 1) if rows else 0
    full = [segments for segments in rows if len(segments) >= max(width, 2)]
    merged = _merged([(segment.left, segment.right) for segments in full for segment in segments])
    rest = [(s.left, s.right) for segments in rows if len(segments) > 1 for s in segments if s.is_number]
    for left, right in rest:
        if not any(left < end and right > start for start, end in merged):
            merged = _merged([*merged, (left, right)])
    return merged


def _merged(intervals: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for left, right in sorted(intervals):
        if merged and left < merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], right))
        else:
            merged.append((left, right))
    return merged


def _column_of(segment: Segment, edges: Sequence[tuple[float, float]]) -> int:
    """The column that the segment overlaps first, else the nearest."""
    for index, (left, right) in enumerate(edges):
        if segment.left < right and segment.right > left:
            return index
    middle = (segment.left + segment.right) / 2
    return min(range(len(edges)), key=lambda index: abs((edges[index][0] + edges[index][1]) / 2 - middle))


def _joined_wraps(table: list[list[str]]) -> list[list[str]]:
    """A label that goes on in the next row, in small letters, is one label."""
    joined: list[list[str]] = []
    for line in table:
        above = joined[-1] if joined else []
        is_label_only = bool(above) and bool(above[0]) and not any(above[1:])
        if is_label_only and line[0][:1].islower() and not above[0].endswith(":"):
            joined[-1] = [f"{above[0]} {line[0]}", *line[1:]]
        else:
            joined.append(line)
    return joined
