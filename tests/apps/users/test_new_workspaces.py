"""A workspace can be made with everything that it can be changed to."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.django_db
def test_a_workspace_is_made_with_its_retention_and_budget(alice: Any, client_of: Any) -> None:
    body = {
        "name": "Second",
        "time_zone": "Europe/Berlin",
        "keep_traces_days": 4,
        "keep_audit_days": None,
        "budget_per_day": None,
    }

    answer = client_of(alice).post("/api/v1/workspaces/", body, format="json")

    assert answer.status_code == 201, answer.content
    assert {name: answer.json()[name] for name in body} == body
