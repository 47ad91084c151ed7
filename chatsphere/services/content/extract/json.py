"""JSON and JSON Lines: flat records as a table, anything else as nested lists of names and values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.encoding import decode, noted
from chatsphere.services.content.extract.source import Source
from chatsphere.services.errors import BrokenDocument, LimitExceeded
from chatsphere.services.types import ExtractedDocument

_MAX_TABLE_COLUMNS = 12
_MOST_NAMED = 10  # wrong lines
_LONG_VALUE = 200  # characters: longer ones read badly in a table


def read(source: Source) -> ExtractedDocument:
    """Cost: some 5 MB a second. Nesting beyond ``limits.max_nesting`` raises LimitExceeded."""
    text, encoding = decode(source.data, declared=source.charset)
    builder = DocumentBuilder(source.limits)
    builder.note(noted(encoding, source.charset))
    value = _parsed(text, builder)
    records = value if isinstance(value, list) else [value]
    if len(records) > 1 and _is_table(records):
        names = list(dict.fromkeys(name for record in records for name in record))
        builder.table([names, *([_scalar(record.get(name)) for name in names] for record in records)])
    else:
        for record in records:
            builder.list_items(list(_items(record, 0, source.limits.max_nesting)))
    return builder.build(media_type=source.media_type)


def _parsed(text: str, builder: DocumentBuilder) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        values, wrong = _lines(text)
        if len(values) + len(wrong) < 2 or len(wrong) > len(values):
            raise BrokenDocument(f"This JSON cannot be read: {error}. Correct that and upload it again.") from error
    if wrong:
        named = ", ".join(map(str, wrong[:_MOST_NAMED])) + (" and more" if len(wrong) > _MOST_NAMED else "")
        what = f"Line {named} is" if len(wrong) == 1 else f"{len(wrong)} lines ({named}) are"
        builder.warn(f"{what} no JSON and left out. Correct that and upload the file again.", is_partial=True)
    return values


def _lines(text: str) -> tuple[list[Any], list[int]]:
    """What stands on each line that is JSON, and the numbers of those that are not."""
    values, wrong = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                wrong.append(number)
    return values, wrong


def _is_table(records: Sequence[Any]) -> bool:
    if not all(isinstance(record, dict) for record in records):
        return False
    names = {name for record in records for name in record}
    values = (value for record in records for value in record.values())
    return 0 < len(names) <= _MAX_TABLE_COLUMNS and all(
        not isinstance(value, dict | list) and len(_scalar(value)) <= _LONG_VALUE for value in values
    )


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _items(value: Any, depth: int, limit: int) -> Iterator[tuple[int, str, str]]:
    if depth > limit:
        raise LimitExceeded(f"This document is nested more than {limit} levels deep.")
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict | list):
                yield depth, "-", f"{name}:"
                yield from _items(inner, depth + 1, limit)
            elif inner is not None:
                yield depth, "-", f"{name}: {_scalar(inner)}"
    elif isinstance(value, list):
        if value and not any(isinstance(inner, dict | list) for inner in value):
            yield depth, "-", ", ".join(_scalar(inner) for inner in value)
            return
        for inner in value:
            yield from _items(inner, depth, limit)
    elif value is not None:
        yield depth, "-", _scalar(value)
