"""JSON from strangers: bounded size and depth, no NaN or infinity, no NUL, no lone surrogates, no doubled keys."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.utils.translation import gettext as _
from rest_framework.parsers import JSONParser, MultiPartParser

from chatsphere.core.exceptions import Malformed, TooLarge

MAX_DEPTH = 32
MAX_INTEGER = 2**63 - 1  # what PostgreSQL and other readers of our JSON can hold
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def parse_json(raw: bytes) -> Any:
    """A JSON value that is safe to store. Raises Malformed or TooLarge (over ``MAX_JSON_BYTES``)."""
    if len(raw) > settings.MAX_JSON_BYTES:
        raise TooLarge
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise Malformed(_("The body is not valid JSON: %(problem)s") % {"problem": error}) from error
    check_value(value)
    return value


def check_value(value: Any, depth: int = 0) -> None:
    """Refuse what PostgreSQL or readers cannot carry: NUL, lone surrogates, infinite or giant numbers, nesting over 32. Raises Malformed."""
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Malformed(_("The body holds a number that is too large."))
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise Malformed(_("The body holds a number that is too large."))
    elif isinstance(value, (Mapping, list)):
        if depth >= MAX_DEPTH:
            raise Malformed(_("The body is nested more than %(depth)s levels deep.") % {"depth": MAX_DEPTH})
        _check_items(value, depth + 1)


def check_text(text: str) -> None:
    """Refuse text that no column can hold. Raises Malformed."""
    if _UNSTORABLE.search(text):
        raise Malformed(_("Text must not contain NUL or lone surrogate characters."))


def _check_items(value: Mapping[Any, Any] | list[Any], depth: int) -> None:
    if isinstance(value, Mapping):
        for key in value:
            check_text(str(key))
        value = list(value.values())
    for item in value:
        check_value(item, depth)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not allowed")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return result


class StrictJSONParser(JSONParser):
    """DRF's door to ``parse_json``."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return parse_json(stream.read(settings.MAX_JSON_BYTES + 1))


class StrictMultiPartParser(MultiPartParser):
    """DRF's own for forms; names of encodings that cannot decode a form are the client's mistake, too many files are told how many may come."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except TooManyFilesSent as error:
            most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
            raise TooLarge(_("Send at most %(most)s files at once.") % {"most": most}) from error
        except (UnicodeError, LookupError) as error:
            raise Malformed(_("Send forms in UTF-8.")) from error
