"""Where lines, list items and table rows begin and end, and where a piece that is too long is cut."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ITEM_START = re.compile(r"^(?: {0,3})(?:[-*+]|\d{1,9}[.)])(?=\s)", re.MULTILINE)
_CLAUSE = re.compile(r"[;:,)](?=\s)|[،、，；：]|\n")
_GAP = re.compile(r"\s+")


def line_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Each line with something in it, without white space behind it."""
    position = start
    for line in text[start:end].split("\n"):
        stop = position + len(line.rstrip())
        if line.strip():
            yield position, stop
        position += len(line) + 1


def item_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Items of the outermost level, each with everything below it; one without items is cut by lines."""
    starts = [match.start() for match in _ITEM_START.finditer(text, start, end)]
    if len(starts) < 2:
        yield from line_spans(text, start, end)
        return
    starts[0] = start
    for begin, finish in zip(starts, [*starts[1:], end], strict=True):
        body = text[begin:finish]
        yield begin + len(body) - len(body.lstrip()), begin + len(body.rstrip())


def row_spans(text: str, start: int, end: int, header_end: int | None) -> Iterator[tuple[int, int]]:
    """The header as one span, then a span a row."""
    if header_end is not None and start < header_end < end:
        yield start, start + len(text[start:header_end].rstrip())
        start = header_end
    yield from line_spans(text, start, end)


def pieces_of(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Its lines; one that is a single line is one piece, whatever white space it has."""
    lines = list(line_spans(text, start, end))
    if len(lines) > 1:
        return lines
    return [(start, end)]


def middle_cut(text: str, start: int, end: int) -> tuple[int, int]:
    """Where to cut a piece that is too long: after a clause, else between words, else between characters; white space is dropped."""
    middle, reach = (start + end) // 2, (end - start) // 4
    for pattern in (_CLAUSE, _GAP):
        cuts = [match.end() for match in pattern.finditer(text, middle - reach, middle + reach)]
        if cuts:
            cut = min(cuts, key=lambda position: abs(position - middle))
            left = start + len(text[start:cut].rstrip())
            right = cut + len(text[cut:end]) - len(text[cut:end].lstrip())
            if start < left and right < end:
                return left, right
    return middle, middle
