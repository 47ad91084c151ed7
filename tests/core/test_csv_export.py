"""Tables for spreadsheets: streamed, and no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.core.csv_export import ROWS_A_BLOCK, csv_response, encoded, safe_cell


def _read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", " =", "\u00a0+"])
def test_text_that_a_spreadsheet_would_calculate_is_shown_as_text(start: str) -> None:
    [[cell]] = _read(encoded([[f"{start}cmd|' /C calc'!A0"]]))

    assert cell.startswith("'")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_no_text_whatever_begins_a_formula_and_every_table_is_read_back(cells: list[str]) -> None:
    [row] = _read(encoded([cells]))

    assert len(row) == len(cells)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    assert [cell.removeprefix("'") for cell in row] == [cell.replace("\x00", "").removeprefix("'") for cell in cells]


def test_text_with_other_separators_is_quoted() -> None:
    assert encoded([["a;=1+1"]]) == b'"a;=1+1"\r\n'


def test_numbers_stay_numbers_and_times_are_in_utc() -> None:
    berlin = datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=1)))

    assert safe_cell(-5) == -5
    assert safe_cell(berlin) == "2026-11-22T11:00:00Z"
    assert safe_cell(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00Z"
    assert [safe_cell(None), safe_cell(True), safe_cell({"a": [1]})] == ["", "true", '{"a":[1]}']
    assert safe_cell(UUID(int=1)) == str(UUID(int=1))


def test_lone_surrogates_do_not_break_a_download() -> None:
    assert encoded([["\ud800"]]) == b'"?"\r\n'


def test_rows_are_read_only_as_they_are_sent() -> None:
    read = 0

    def rows() -> Iterator[tuple[int]]:
        nonlocal read
        for number in range(10 * ROWS_A_BLOCK):
            read += 1
            yield (number,)

    stream = iter(csv_response("numbers.csv", ("number",), rows()))
    next(stream)
    next(stream)

    assert read == ROWS_A_BLOCK
    assert len(list(stream)) == 9


async def test_an_async_server_gets_blocks_too() -> None:
    read = 0

    def rows() -> Iterator[tuple[int]]:
        nonlocal read
        for number in range(3 * ROWS_A_BLOCK):
            read += 1
            yield (number,)

    stream = aiter(csv_response("numbers.csv", ("number",), rows()))
    await anext(stream)
    await anext(stream)

    assert read == ROWS_A_BLOCK
    assert len([block async for block in stream]) == 2


async def test_async_rows_are_streamed_as_well() -> None:
    async def rows() -> AsyncIterator[tuple[str]]:
        for text in ("a", "=b"):
            yield (text,)

    response = csv_response("letters.csv", ("letter",), rows())

    assert b"".join([block async for block in response]) == b'"letter"\r\n"a"\r\n"\'=b"\r\n'
    assert response.headers["Content-Disposition"] == 'attachment; filename="letters.csv"'
