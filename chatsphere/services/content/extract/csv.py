"""CSV and TSV: one table, its first row the header. The delimiter is found from the first lines."""

from __future__ import annotations

import csv
import io
from collections import Counter

from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.encoding import decode, noted
from chatsphere.services.content.extract.source import Source
from chatsphere.services.errors import BrokenDocument, LimitExceeded
from chatsphere.services.types import ExtractedDocument

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 50
_MAX_COLUMNS = 500


def read(source: Source) -> ExtractedDocument:
    """Cost: some 10 MB a second; memory some ten times the file."""
    text, encoding = decode(source.data, declared=source.charset)
    text = text.replace("\x00", "")
    csv.field_size_limit(min(source.limits.max_chars, 10_000_000))
    builder = DocumentBuilder(source.limits)
    builder.note(noted(encoding, source.charset))
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=find_delimiter(text, source.media_type)))
    except csv.Error as error:
        raise BrokenDocument(f"This table cannot be read: {error}.") from error
    if max(map(len, rows), default=0) > _MAX_COLUMNS:
        raise LimitExceeded(f"This table has more than {_MAX_COLUMNS} columns.")
    builder.table(rows)
    return builder.build(media_type=source.media_type)


def find_delimiter(text: str, media_type: str = "text/csv") -> str:
    """The one that parts most of the first lines into the same number of cells, and into most cells."""
    lines = text[:200_000].splitlines(keepends=True)[:_SAMPLE_LINES]
    best, best_score = "\t" if media_type == "text/tab-separated-values" else ",", 0.0
    for delimiter in _DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        except csv.Error:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        score = (count / max(sum(widths.values()), 1)) * min(width - 1, 5)
        if score > best_score:
            best, best_score = delimiter, score
    return best
