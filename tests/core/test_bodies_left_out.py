"""A request may leave out a body in which nothing is required."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework import serializers

from chatsphere.core.async_views import read_body
from chatsphere.core.exceptions import UnsupportedMedia


class _Options(serializers.Serializer[Any]):
    version = serializers.IntegerField(required=False)


def test_no_body_is_an_empty_object() -> None:
    assert read_body(RequestFactory().generic("POST", "/x", b"", ""), _Options) == {}


@pytest.mark.parametrize(("body", "kind"), [(b"{}", ""), (b"x", "text/plain")])
def test_another_kind_of_body_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(UnsupportedMedia):
        read_body(RequestFactory().generic("POST", "/x", body, kind), _Options)
