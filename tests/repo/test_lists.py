"""Every list of the OpenAPI document keeps the rules of lists, and costs the queries that stand in query_counts.json, no more, no fewer.

A list is what takes `cursor` and `limit`. When a count changes on purpose, change the file: its history tells what lists cost when.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.renderers import JSONRenderer as FrameworksRenderer

from chatsphere.core.documents import document
from chatsphere.core.quick_fields import QuickFields
from chatsphere.core.renderers import JSONRenderer
from chatsphere.core.response_cache import responses
from tests.repo.test_routes import World, _filled

pytestmark = pytest.mark.django_db(transaction=True)  # async views read through connections of their own
COUNTS = Path(__file__).with_name("query_counts.json")


def _parameters(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each["schema"] for each in operation.get("parameters", []) if each.get("in") == "query"}


def _lists() -> dict[str, dict[str, dict[str, Any]]]:
    """Parameters by path."""
    gets = {path: _parameters(item["get"]) for path, item in document()["paths"].items() if "get" in item}
    return {path: parameters for path, parameters in gets.items() if {"cursor", "limit"} <= parameters.keys()}


@pytest.fixture
def world(alice: Any) -> World:
    return World(alice)


def test_lists_cost_what_stands_in_the_file(world: World, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    counted = {}
    for path in sorted(_lists()):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = client.get(_filled(path, world))
        assert answer.status_code == 200, (path, answer.content)
        counted[path] = len(queries)

    assert counted == json.loads(COUNTS.read_text())


def test_lists_have_one_shape(world: World, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    for path in _lists():
        body = client.get(_filled(path, world), {"limit": 1}).json()
        assert {"next", "previous", "results"} <= body.keys(), path
        assert len(body["results"]) <= 1, path
        assert body["previous"] is None, path


def test_lists_refuse_limits_out_of_bounds_and_cursors_of_others(world: World, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    for path, parameters in _lists().items():
        most = parameters["limit"]["maximum"]
        assert client.get(_filled(path, world), {"limit": most}).status_code == 200, path
        for name, value in (("limit", most + 1), ("limit", 0), ("limit", "x"), ("cursor", "made-up")):
            answer = client.get(_filled(path, world), {name: value})
            assert answer.status_code == 422, (path, name, value)
            assert name in answer.json()["error"]["fields"], (path, name, value)


def test_lists_take_the_orderings_that_they_document_and_no_other(world: World, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    for path, parameters in _lists().items():
        for ordering in parameters.get("ordering", {}).get("enum", []):
            assert client.get(_filled(path, world), {"ordering": ordering}).status_code == 200, (path, ordering)
        assert client.get(_filled(path, world), {"ordering": "made_up"}).status_code == 422, path


def test_lists_give_the_fields_that_are_asked_for(world: World, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    for path, parameters in _lists().items():
        assert "fields" in parameters, path
        rows = client.get(_filled(path, world)).json()["results"]
        if not rows:
            continue  # an empty page has nothing to leave out
        name = sorted(rows[0])[0]
        sparse = client.get(_filled(path, world), {"fields": name})
        assert sparse.status_code == 200, path
        assert all(set(row) == {name} for row in sparse.json()["results"]), path
        assert client.get(_filled(path, world), {"fields": "made_up"}).status_code == 422, path


def test_lists_refuse_choices_that_a_filter_does_not_document(world: World, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    for path, parameters in _lists().items():
        for name, schema in parameters.items():
            if "enum" in schema or schema.get("format") in ("uuid", "date-time"):
                answer = client.get(_filled(path, world), {name: "made-up"})
                assert answer.status_code == 422, (path, name)


def test_rows_are_shown_as_the_framework_would_show_them(
    world: World, alice: Any, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(alice)
    quick = {path: client.get(_filled(path, world)).json()["results"] for path in _lists()}
    monkeypatch.delattr(QuickFields, "to_representation")
    monkeypatch.setattr(JSONRenderer, "render", FrameworksRenderer.render)
    responses.clear()

    slow = {path: client.get(_filled(path, world)).json()["results"] for path in _lists()}

    volatile = {"last_used_at", "queue_position"}  # of the session that asks
    assert {path: [_without(row, volatile) for row in rows] for path, rows in quick.items()} == {
        path: [_without(row, volatile) for row in rows] for path, rows in slow.items()
    }
    assert sum(map(bool, quick.values())) > 15


def _without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
