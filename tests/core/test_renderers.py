"""What is written quickly is what Django REST framework would have written."""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.utils.translation import gettext_lazy
from rest_framework import renderers, serializers

from chatsphere.core.quick_fields import QuickFields
from chatsphere.core.renderers import JSONRenderer

NOON = datetime(2026, 11, 29, 12, 0, 0, 5, tzinfo=UTC)
VALUES: list[Any] = [
    {"at": NOON, "day": date(2026, 1, 2), "id": uuid4(), "price": Decimal("1.5"), "text": gettext_lazy("Viewer")},
    OrderedDict(a=[1, 2.5, None, True], b=("x", "y")),
    {"long": 2**70, "line": "\u2028 ü \U0001f426"},
    {1: "a number as a name"},
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))),
    [],
    None,
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_json_reads_the_same(value: Any) -> None:
    quick, slow = JSONRenderer().render(value), renderers.JSONRenderer().render(value)
    assert (quick and json.loads(quick)) == (slow and json.loads(slow))


def test_who_asks_for_indented_json_gets_it() -> None:
    assert b'\n    "a"' in JSONRenderer().render({"a": 1}, "application/json; indent=4", {})


class Shown(serializers.Serializer[Any]):
    text = serializers.CharField()
    number = serializers.IntegerField()
    truth = serializers.BooleanField()
    share = serializers.FloatField()
    choice = serializers.ChoiceField([("a", "A"), ("b", "B")])
    id = serializers.UUIDField()
    hexadecimal = serializers.UUIDField(source="id", format="hex")
    at = serializers.DateTimeField()
    year = serializers.DateTimeField(source="at", format="%Y")
    inside = serializers.CharField(source="inner.text")
    absent = serializers.CharField(default="none")
    called = serializers.IntegerField()
    nothing = serializers.CharField()
    secret = serializers.CharField(write_only=True)
    made = serializers.SerializerMethodField()

    def get_made(self, row: Any) -> str:
        return "made"


class QuicklyShown(QuickFields, Shown):
    pass


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"number": "7", "text": 5, "truth": "yes", "share": 1, "choice": "other"},
        {"at": NOON.astimezone(timezone(timedelta(hours=-5))), "id": None, "text": None},
    ],
    ids=["usual types", "other types", "other zone, nothing"],
)
def test_fields_are_shown_the_same(changes: dict[str, Any]) -> None:
    row: dict[str, Any] = {
        "text": "ü", "number": 7, "truth": True, "share": 0.5, "choice": "a", "id": uuid4(), "at": NOON,
        "inner": SimpleNamespace(text="deep"), "called": lambda: 3, "nothing": None, "secret": "no",
    }  # fmt: skip
    instance = SimpleNamespace(**(row | changes))
    assert QuicklyShown(instance).data == Shown(instance).data
    assert QuicklyShown(row | {"absent": "there"}).data == Shown(row | {"absent": "there"}).data
    assert "secret" not in QuicklyShown(instance).data
