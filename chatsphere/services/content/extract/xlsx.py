"""XLSX: a heading a sheet, a table for each area between blank rows. Hidden sheets, rows and columns are left out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from chatsphere.services.content.extract.archive import Archive
from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.number_formats import NumberFormat, number_format
from chatsphere.services.content.extract.ooxml import relations
from chatsphere.services.content.extract.source import Source
from chatsphere.services.content.extract.xml import Element, attribute, local_name, parse_xml
from chatsphere.services.errors import LimitExceeded, damaged
from chatsphere.services.types import ExtractedDocument

_WORKBOOK = "xl/workbook.xml"
_MAX_CELLS = 3_000_000
_LONGEST_MERGE = 1_000  # rows
_MOST_MERGED = 200_000  # places
_MAX_COLUMNS = 500  # those beyond are cut off, with a warning
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})\Z")
_NO_RESULTS = (
    "{count} cells hold formulas whose results are not in the file, so they are empty here. "
    "Open it in Excel or LibreOffice, save it and upload that copy."
)
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001  cells have no time zone


def read(source: Source) -> ExtractedDocument:
    """Cost: some 200,000 cells a second; memory some ten times the unpacked XML of the largest sheet."""
    return _Workbook(Archive(source.data, source.limits), source).read()


class _Workbook:
    def __init__(self, archive: Archive, source: Source) -> None:
        self._archive = archive
        self._source = source
        self._builder = DocumentBuilder(source.limits)
        self._cells = 0
        self._strings = _shared_strings(archive)
        self._formats = _formats(archive)
        self._uncounted = 0  # cells whose formula has no result in the file
        self._epoch = _EPOCH

    def read(self) -> ExtractedDocument:
        if _WORKBOOK not in self._archive:
            raise damaged("it is no Excel workbook inside")
        root = parse_xml(self._archive.read(_WORKBOOK))
        targets = relations(self._archive, _WORKBOOK)
        if any(local_name(node) == "workbookPr" and attribute(node, "date1904") in ("1", "true") for node in root):
            self._epoch = _EPOCH_1904
        for sheet in (node for node in root.iter() if local_name(node) == "sheet"):
            relation = targets.get(sheet.get(_RELATION_ID) or attribute(sheet, "id"))
            if (
                attribute(sheet, "state") in ("hidden", "veryHidden")
                or relation is None
                or relation.kind != "worksheet"
            ):
                continue
            self._builder.page()
            self._sheet(attribute(sheet, "name"), relation.target)
        if self._uncounted:
            self._builder.warn(_NO_RESULTS.format(count=self._uncounted), is_partial=True)
        return self._builder.build(media_type=self._source.media_type)

    def _sheet(self, name: str, part: str) -> None:
        data = self._archive.read_or_none(part)
        if data is None:
            self._builder.warn(f"The sheet {name!r} is missing in the file.", is_partial=True)
            return
        areas = list(_areas(self._rows(parse_xml(data))))
        if areas:
            self._builder.heading(name, 2)
        for rows in areas:
            for table in _side_by_side(rows):
                self._builder.table(table)

    def _rows(self, root: Element) -> Iterator[tuple[int, list[str]]]:
        """Number among the shown ones and cells of each row that is shown; a hidden one, as of a filter, does not end a table."""
        hidden = _hidden_columns(root)
        merged = _merged_below(root)
        labels: dict[int, str] = {}  # of merged cells, by their first row
        number = left_out = 0
        for row in (node for node in root.iter() if local_name(node) == "row"):
            given = attribute(row, "r")
            number = int(given) if given.isdigit() and len(given) < 8 else number + 1
            if attribute(row, "hidden") in ("1", "true"):
                left_out += 1
            else:
                cells = self._cells_of(row, hidden)
                _repeat(cells, number, merged, labels)
                yield number - left_out, cells

    def _cells_of(self, row: Element, hidden: set[int]) -> list[str]:
        cells: list[str] = []
        for cell in row:
            match = _REFERENCE.match(attribute(cell, "r"))
            column = _column_number(match[1]) if match else len(cells)
            if column >= _MAX_COLUMNS:
                break
            cells += [""] * (column + 1 - len(cells))
            cells[column] = "" if column in hidden else self._value(cell)
            self._cells += 1
        if self._cells > _MAX_CELLS:
            raise LimitExceeded(f"This workbook has more than {_MAX_CELLS:,} cells.")
        return cells

    def _value(self, cell: Element) -> str:
        kind = attribute(cell, "t")
        if kind == "inlineStr":
            return _text(cell)
        value = next(((node.text or "") for node in cell if local_name(node) == "v"), "")
        if not value:
            self._uncounted += kind != "str" and any(local_name(node) == "f" for node in cell)
            return ""
        if kind == "s":
            return self._strings[int(value)] if value.isdigit() and int(value) < len(self._strings) else ""
        if kind == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(value, value)
        if kind in ("", "n"):
            return self._number(value, attribute(cell, "s"))
        return value

    def _number(self, value: str, style: str) -> str:
        try:
            number = float(value)
        except ValueError:
            return value
        shown_as = self._formats.get(int(style)) if style.isdigit() else None
        shown = shown_as.shown(number, self._epoch) if shown_as and math.isfinite(number) else None
        if shown is not None:
            return shown
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(round(number, 10))


_RELATION_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def _areas(rows: Iterator[tuple[int, list[str]]]) -> Iterator[list[list[str]]]:
    area: list[list[str]] = []
    last = 0
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if area and number > last + 1:
            yield area
            area = []
        area.append(cells)
        last = number
    if area:
        yield area


def _side_by_side(rows: list[list[str]]) -> list[list[list[str]]]:
    """Tables that a column without cells parts, each of two rows and columns at least, when they begin in different rows.

    What begins in one row is taken for one table with a gap, so that labels stay with their values.
    """
    width = max(map(len, rows))
    full = [any(len(row) > column and row[column].strip() for row in rows) for column in range(width)]
    parts = [[column for column, _ in run] for is_full, run in groupby(enumerate(full), itemgetter(1)) if is_full]
    if len(parts) < 2 or min(map(len, parts)) < 2:
        return [rows]
    tables = []
    for part in parts:
        begin, end = part[0], part[-1] + 1
        lines = [row[begin:end] + [""] * (end - max(begin, len(row))) for row in rows]
        shown = [number for number, line in enumerate(lines) if any(cell.strip() for cell in line)]
        if len(shown) < 2:
            return [rows]
        tables.append((shown[0], lines[shown[0] : shown[-1] + 1]))
    begins = {begin for begin, _ in tables}
    return [table for _, table in tables] if len(begins) == len(tables) > 1 else [rows]


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _merged_below(root: Element) -> dict[tuple[int, int], int]:
    """For each place (row, column) that a merged cell covers below its first row: the number of the merge; -1 - number for where it begins."""
    places: dict[tuple[int, int], int] = {}
    for number, node in enumerate(node for node in root.iter() if local_name(node) == "mergeCell"):
        first, _, last = attribute(node, "ref").partition(":")
        begin, end = _REFERENCE.match(first), _REFERENCE.match(last)
        if (
            begin is None
            or end is None
            or not 0 < int(end[2]) - int(begin[2]) <= _LONGEST_MERGE
            or len(places) > _MOST_MERGED
        ):
            continue
        column = _column_number(begin[1])
        places[int(begin[2]), column] = -1 - number
        for row in range(int(begin[2]) + 1, int(end[2]) + 1):
            places[row, column] = number
    return places


def _repeat(cells: list[str], row: int, merged: Mapping[tuple[int, int], int], labels: dict[int, str]) -> None:
    """A cell that covers several rows stands in each of them: a row is read, found and cited without those above it."""
    for column, cell in enumerate(cells):
        number = merged.get((row, column))
        if number is None:
            continue
        if number < 0:
            labels[-1 - number] = cell
        elif not cell:
            cells[column] = labels.get(number, "")


def _hidden_columns(root: Element) -> set[int]:
    hidden: set[int] = set()
    for node in root.iter():
        if local_name(node) == "col" and attribute(node, "hidden") in ("1", "true"):
            first, last = attribute(node, "min"), attribute(node, "max")
            if first.isdigit() and last.isdigit():
                hidden |= set(range(int(first) - 1, min(int(last), _MAX_COLUMNS)))
        elif local_name(node) == "sheetData":
            break
    return hidden


def _shared_strings(archive: Archive) -> list[str]:
    data = archive.read_or_none("xl/sharedStrings.xml")
    return [_text(node) for node in parse_xml(data) if local_name(node) == "si"] if data else []


def _text(element: Element) -> str:
    """All ``t`` below, phonetic hints left out."""
    return "".join(node.text or "" for node in element.iter() if local_name(node) == "t" and not _is_phonetic(node))


def _is_phonetic(node: Element) -> bool:
    return any(local_name(above) == "rPh" for above in node.iterancestors())


def _formats(archive: Archive) -> dict[int, NumberFormat]:
    """What cells of a style show for a number, where that is not the number."""
    data = archive.read_or_none("xl/styles.xml")
    if not data:
        return {}
    root = parse_xml(data)
    codes = {attribute(n, "numFmtId"): attribute(n, "formatCode") for n in root.iter() if local_name(n) == "numFmt"}
    numbers = [attribute(node, "numFmtId") for part in root if local_name(part) == "cellXfs" for node in part]
    known = {each: number_format(int(each), codes.get(each)) for each in set(numbers) if each.isdigit()}
    return {index: found for index, each in enumerate(numbers) if (found := known.get(each)) is not None}
