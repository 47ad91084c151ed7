"""The usage ledger."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction

from chatsphere.apps.users.ledger import Kind, Usage, record_usage
from chatsphere.apps.users.models import UsageRecord

pytestmark = pytest.mark.django_db


def _usage(person: Any, **changes: Any) -> Usage:
    values: dict[str, Any] = {
        "workspace_id": person.default_workspace.pk,
        "kind": Kind.CHAT,
        "request_key": "message-1",
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "cost_micros": 72,
    }
    return Usage(**values | changes)


def test_a_line_is_written_once_however_often_it_is_booked(alice: Any) -> None:
    assert record_usage(_usage(alice))
    assert not record_usage(_usage(alice, prompt_tokens=999))

    line = UsageRecord.objects.get()
    assert (line.prompt_tokens, line.completion_tokens, line.cost_micros) == (100, 20, 72)


def test_two_workspaces_may_use_the_same_key(alice: Any, charlie: Any) -> None:
    assert record_usage(_usage(alice))
    assert record_usage(_usage(charlie))


@pytest.mark.parametrize("nonsense", [-5, 10**12])
def test_impossible_token_counts_become_nothing(alice: Any, nonsense: int) -> None:
    record_usage(_usage(alice, completion_tokens=nonsense))

    assert UsageRecord.objects.get().completion_tokens == 0


def test_the_database_refuses_to_change_a_line(alice: Any) -> None:
    record_usage(_usage(alice))

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        UsageRecord.objects.update(prompt_tokens=1)
