"""Test questions from CSV and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer

from chatsphere.core.exceptions import Invalid

MOST_PROBLEMS = 20  # that are told at once
DELIMITERS = ",;\t"
SEPARATOR = "|"  # between several accepted answers in one CSV cell
_PASSAGE = ("source_id", "document_id", "quote")
_COLUMNS = {"question", "answers", "answer", "expects", *_PASSAGE}


def read_questions(text: str, form: str, serializer: type[Serializer[Any]]) -> list[dict[str, Any]]:
    """The questions of a file, each validated by ``serializer``. Raises Invalid that names the lines which are wrong.

    CSV (with commas, semicolons or tabs) has a header line, in letters of any size, with ``question`` and any of ``answers`` (several separated by ``|``), ``expects``, ``source_id``, ``document_id``,
    ``quote``. JSON Lines has the fields of the API; ``answer`` may stand for ``answers`` with one.
    """
    questions, problems = [], []
    for line, raw in _READERS[form](text):
        body = serializer(data=raw)
        try:
            body.is_valid(raise_exception=True)
            questions.append(dict(body.validated_data))
        except ValidationError:
            problems.append(_("Line %(line)s: %(what)s") % {"line": line, "what": _told(body.errors)})
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        raise Invalid(fields={"content": problems})
    if not questions:
        raise Invalid(fields={"content": [_("There is no question in it.")]})
    return questions


def _told(errors: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {_first(texts)}" for name, texts in errors.items())


def _first(texts: Any) -> str:
    while isinstance(texts, (list, Mapping)) and texts:
        texts = next(iter(texts.values() if isinstance(texts, Mapping) else texts))
    return str(texts)


def _read_csv(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    text = text.lstrip("﻿")
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    try:
        names = [(name or "").strip().lower().replace(" ", "_") for name in reader.fieldnames or ()]
        while names and not names[-1]:  # a spreadsheet's columns without a name, at the end of each line
            names.pop()
        reader.fieldnames = names
        unknown = sorted(set(names) - _COLUMNS)
        if unknown or "question" not in names:
            raise _bad_header(unknown)
        for row in reader:
            yield reader.line_num, _from_cells(row)
    except csv.Error as error:
        raise Invalid(fields={"content": [_("Line %(line)s: this is not CSV.") % {"line": reader.line_num}]}) from error


def _delimiter(text: str) -> str:
    """What stands between the cells of the first line: a comma, a semicolon as Excel writes in most of Europe, or a tab."""
    header = text.split("\n", 1)[0]
    return max(DELIMITERS, key=header.count)


def _bad_header(unknown: list[str]) -> Invalid:
    names = ", ".join(sorted(_COLUMNS))
    message = _("The first line must name the columns, `question` among them; known are %(names)s.") % {"names": names}
    return Invalid(fields={"content": [f"{message} {', '.join(unknown)}".strip()]})


def _from_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    cells = {name: (row.get(name) or "").strip() for name in _COLUMNS}
    answers = [each.strip() for each in (cells.get("answers") or cells.get("answer", "")).split(SEPARATOR)]
    passage = {name: cells[name] for name in _PASSAGE if cells.get(name)}
    question: dict[str, Any] = {"question": cells["question"], "answers": [each for each in answers if each]}
    if cells.get("expects"):
        question["expects"] = cells["expects"]
    return {**question, "passages": [passage]} if passage else question


def _read_jsonl(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.removeprefix("﻿").split("\n"), start=1):
        if line.strip():
            yield number, _from_object(number, line)


def _from_object(number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Invalid(fields={"content": [_("Line %(line)s: this is not JSON.") % {"line": number}]}) from error
    if not isinstance(value, dict):
        raise Invalid(fields={"content": [_("Line %(line)s: give a JSON object.") % {"line": number}]})
    if isinstance(value.get("answer"), str) and "answers" not in value:
        value["answers"] = [value.pop("answer")]
    return value


_READERS: dict[str, Callable[[str], Iterator[tuple[int, dict[str, Any]]]]] = {"csv": _read_csv, "jsonl": _read_jsonl}
