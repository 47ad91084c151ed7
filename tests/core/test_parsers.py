"""JSON from strangers."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.core.exceptions import Malformed, TooLarge
from chatsphere.core.parsers import MAX_DEPTH, parse_json

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
)
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=30)


@given(VALUES)
def test_what_json_can_say_comes_through(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        parse_json(raw)


def test_nesting_ends_at_the_limit() -> None:
    def nested(depth: int) -> bytes:
        return b"[" * depth + b"]" * depth

    assert parse_json(nested(MAX_DEPTH)) is not None
    with pytest.raises(Malformed):
        parse_json(nested(MAX_DEPTH + 1))


def test_size_ends_at_the_limit(settings: Any) -> None:
    settings.MAX_JSON_BYTES = 10

    assert parse_json(b'"12345678"') == "12345678"
    with pytest.raises(TooLarge):
        parse_json(b'"123456789"')
