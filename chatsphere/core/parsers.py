"""JSON from strangers: bounded depth, no NaN, no NUL, no lone surrogates, no doubled keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.parsers import JSONParser

from chatsphere.core.exceptions import Malformed, TooLarge

MAX_DEPTH = 32


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
    """Refuse what PostgreSQL or readers cannot carry: NUL, lone surrogates, nesting over 32. Raises Malformed."""
    if depth > MAX_DEPTH:
        raise Malformed(_("The body is nested more than %(depth)s levels deep.") % {"depth": MAX_DEPTH})
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise Malformed(_("Text must not contain NUL or lone surrogate characters."))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            check_value(key, depth + 1)
            check_value(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            check_value(item, depth + 1)


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
