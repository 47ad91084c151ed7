"""What strict serializers refuse."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from chatsphere.core.query import SparseFields
from chatsphere.core.quick_fields import shared_plan
from chatsphere.core.serializers import StrictSerializer


class _Turn(StrictSerializer):
    role = serializers.CharField()
    text = serializers.CharField()


class _Question(StrictSerializer):
    name = serializers.CharField(required=False)
    hosts = serializers.ListField(child=serializers.CharField(), required=False)
    history = _Turn(many=True, required=False)
    one = _Turn(required=False)
    document_id = serializers.UUIDField(required=False)


@pytest.mark.parametrize(
    "body",
    [
        {"name": 0},
        {"name": 1.5},
        {"name": True},
        {"hosts": [0]},
        {"hosts": ["a", 1]},
        {"history": [{"role": "user"}]},
        {"one": {"text": "x"}},
        {"history": [{"role": "user", "text": 3}]},
        {"document_id": False},
        {"document_id": 7},
        {"other": "x"},
    ],
)
def test_a_patch_refuses_what_the_document_refuses(body: dict[str, Any]) -> None:
    assert not _Question(data=body, partial=True).is_valid()
    assert not _Question(data=body).is_valid()


def test_a_patch_may_leave_out_what_is_not_changed() -> None:
    body = _Question(data={"history": [{"role": "user", "text": "0"}]}, partial=True)

    assert body.is_valid(), body.errors


class _Shown(SparseFields):
    name = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    place = serializers.SerializerMethodField()

    def get_place(self, row: Any) -> Any:
        return self.context.get("places", {}).get(row.name)


class _WithInner(SparseFields):
    inner = _Shown()


class _Row:
    name, tags = "a", ("x", 1)


def test_answers_of_one_class_share_a_plan_and_each_has_its_own_context() -> None:
    first, second = (_Shown(_Row(), context={"places": {"a": place}}) for place in (1, 2))
    assert (first.data, second.data) == (
        {"name": "a", "tags": ["x", "1"], "place": 1},
        {"name": "a", "tags": ["x", "1"], "place": 2},
    )
    plan = shared_plan(_Shown)
    assert plan is not None
    assert first._plan[0] is second._plan[0] is plan["name"]


def test_a_field_that_may_look_at_the_context_is_planned_for_each_answer() -> None:
    assert shared_plan(_WithInner) is None
