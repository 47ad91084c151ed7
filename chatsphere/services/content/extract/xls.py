"""XLS, the workbooks of Excel before 2007: a heading a sheet, a table for each area between blank rows, as for XLSX. Hidden sheets, rows and
columns are left out."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, Final

import xlrd

from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.source import Source
from chatsphere.services.errors import EncryptedDocument, LimitExceeded, damaged
from chatsphere.services.types import ExtractedDocument

MEDIA_TYPE: Final = "application/vnd.ms-excel"
_MAX_CELLS: Final = 3_000_000
_MAX_COLUMNS: Final = 500
_BROKEN: Final = "it cannot be read as an Excel workbook"


def read(source: Source) -> ExtractedDocument:
    """Cost: some 200,000 cells a second. Raises EncryptedDocument, BrokenDocument, LimitExceeded."""
    builder = DocumentBuilder(source.limits)
    book = _open(source.data)
    cells = 0
    for sheet in book.sheets():
        cells += sum(sheet.row_len(number) for number in range(sheet.nrows))
        if cells > _MAX_CELLS:
            raise LimitExceeded(f"This workbook has more than {_MAX_CELLS:,} cells.")
        if sheet.visibility == 0:
            _add_sheet(sheet, book.datemode, builder)
    return builder.build(media_type=MEDIA_TYPE)


def _open(data: bytes) -> Any:
    try:
        return xlrd.open_workbook(file_contents=data, logfile=io.StringIO(), ragged_rows=True, formatting_info=True)
    except xlrd.XLRDError as error:
        if "encrypt" in str(error).lower():
            raise EncryptedDocument from error
        raise damaged(_BROKEN) from error
    except (AssertionError, IndexError, KeyError, ValueError, TypeError, UnicodeError, struct.error) as error:
        raise damaged(_BROKEN) from error


def _add_sheet(sheet: Any, datemode: int, builder: DocumentBuilder) -> None:
    builder.page()
    areas = list(_areas(sheet, datemode))
    if areas:
        builder.heading(sheet.name, 2)
    for rows in areas:
        builder.table(rows)


def _areas(sheet: Any, datemode: int) -> Iterator[list[list[str]]]:
    columns = {number for number, column in sheet.colinfo_map.items() if column.hidden}
    area: list[list[str]] = []
    for number in range(sheet.nrows):
        if number in sheet.rowinfo_map and sheet.rowinfo_map[number].hidden:
            continue
        cells = enumerate(sheet.row(number)[:_MAX_COLUMNS])
        row = ["" if column in columns else _text(cell, datemode) for column, cell in cells]
        if any(each.strip() for each in row):
            area.append(row)
        elif area:
            yield area
            area = []
    if area:
        yield area


def _text(cell: Any, datemode: int) -> str:
    if cell.ctype == xlrd.XL_CELL_DATE:
        return _date(cell.value, datemode)
    if cell.ctype == xlrd.XL_CELL_NUMBER:
        is_whole = float(cell.value).is_integer() and abs(cell.value) < 1e15
        return str(int(cell.value)) if is_whole else repr(round(cell.value, 10))
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return "TRUE" if cell.value else "FALSE"
    return "" if cell.ctype == xlrd.XL_CELL_ERROR else str(cell.value)


def _date(number: float, datemode: int) -> str:
    try:
        moment = xlrd.xldate_as_datetime(number, datemode)
    except (xlrd.XLDateError, OverflowError, ValueError):
        return repr(number)
    if number < 1:
        return str(moment.strftime("%H:%M:%S"))
    return str(moment.strftime("%Y-%m-%d" if float(number).is_integer() else "%Y-%m-%d %H:%M"))
