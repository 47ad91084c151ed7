"""What strict serializers refuse."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

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
