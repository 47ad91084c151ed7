"""Tables for spreadsheets: streamed row by row, and no cell is ever run as a formula.

    class Report(APIView):
        renderer_classes = CSV_OR_JSON
        def get(self, request):
            if wants_csv(request):
                return csv_response("usage.csv", ("day", "messages"), rows)

A program reads the same values back, but for the apostrophe before text that a spreadsheet would calculate.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from rest_framework.request import Request

from chatsphere.core.renderers import JSONRenderer

Row = Sequence[Any]
MEDIA_TYPE = "text/csv"
ROWS_A_BLOCK = 500
# Also the full-width signs, which spreadsheets of East Asia calculate with, and white space that they strip first.
_CALCULATED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class CSVRenderer(JSONRenderer):
    """Lets ``Accept: text/csv`` pass; what is not a table (an error) is still answered as JSON."""

    media_type = MEDIA_TYPE
    format = "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        response = (renderer_context or {}).get("response")
        if response is not None:
            response.headers["Content-Type"] = JSONRenderer.media_type
        return super().render(data, JSONRenderer.media_type, renderer_context)


CSV_OR_JSON = (JSONRenderer, CSVRenderer)


def wants_csv(request: Request) -> bool:
    """Whether the client asked for a table; of a view with ``renderer_classes = CSV_OR_JSON``."""
    renderer = getattr(request, "accepted_renderer", None)
    return isinstance(renderer, CSVRenderer)


def safe_cell(value: Any) -> Any:
    """A value as it stands in a cell: numbers as they are, times in UTC, lists and objects as JSON, text never a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, (dict, list, tuple)):
        value = orjson.dumps(value, default=str).decode()
    text = str(value).replace("\x00", "")
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_CALCULATED) else text


def csv_response(filename: str, header: Row, rows: Iterable[Row] | AsyncIterable[Row]) -> CSVResponse:
    """A download of ``header`` and ``rows``, 500 rows in memory at a time. ``filename`` is ours, never a client's text.

    ``rows`` may read the database while it is iterated; a query's ``.iterator()`` keeps memory flat.
    """
    response = CSVResponse(_Table(header, rows), content_type=f"{MEDIA_TYPE}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


class CSVResponse(StreamingHttpResponse):
    """Django would read all rows into memory before it sends the first ones of a plain iterator; this reads them block by block, in the
    thread of the request, where its database connection lives."""

    def __init__(self, table: _Table, **options: Any) -> None:
        self.table = table
        super().__init__(table.blocks() if table.is_sync else table.async_blocks(), **options)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if not self.table.is_sync:
            async for block in self.table.async_blocks():
                yield block
            return
        waiting = self.table.blocks()
        while (ready := await sync_to_async(_next)(waiting)) is not None:
            yield ready


class _Table:
    """Lines of CSV, encoded in blocks."""

    def __init__(self, header: Row, rows: Iterable[Row] | AsyncIterable[Row]) -> None:
        self.header = header
        self.rows = rows
        self.is_sync = isinstance(rows, Iterable)

    def blocks(self) -> Iterator[bytes]:
        rows: Any = iter(self.rows)  # type: ignore[arg-type]  # asked by is_sync
        yield encoded([self.header])
        while block := list(islice(rows, ROWS_A_BLOCK)):
            yield encoded(block)

    async def async_blocks(self) -> AsyncIterator[bytes]:
        yield encoded([self.header])
        block: list[Row] = []
        async for row in self.rows:  # type: ignore[union-attr]  # asked by is_sync
            block.append(row)
            if len(block) >= ROWS_A_BLOCK:
                yield encoded(block)
                block = []
        if block:
            yield encoded(block)


def _next(blocks: Iterator[bytes]) -> bytes | None:
    return next(blocks, None)


def encoded(rows: Iterable[Row]) -> bytes:
    """Lines of CSV in UTF-8. Text is always quoted: a spreadsheet of another country may split at other signs than commas."""
    lines = io.StringIO()
    csv.writer(lines, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n").writerows(
        [[safe_cell(cell) for cell in row] for row in rows]
    )
    return lines.getvalue().encode("utf-8", "replace")
