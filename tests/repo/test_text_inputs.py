"""Every text that a route takes, walked by the OpenAPI document: what no column holds is refused, what deceives a reader too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from chatsphere.core.documents import document
from tests.repo.test_routes import World, _filled, _operations, world

__all__ = ["world"]  # the fixture
pytestmark = pytest.mark.django_db(transaction=True)
Path = tuple[str | int, ...]
LONGEST_LINE = 300
# Short texts that are no names: secrets and codes, ids and patterns of others, languages, addresses, and what only chooses among what is there.
NO_LINES = {
    *(
        "password",
        "current_password",
        "new_password",
        "token",
        "refresh",
        "code",
        "external_id",
        "model",
        "embedding_model",
    ),
    *("language", "languages", "allowed_origins", "link_hosts", "include", "exclude", "time_zone", "slug", "role"),
}
TURNED = ("Acme\u202egnp.exe", "Acme\u2066x", "Ac\nme", "Acme\x1b[2J", "Ac\U000e0041me")


def _schema(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = document()["components"]["schemas"][node["$ref"].rpartition("/")[2]]
    return node


def _texts(node: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Where a body may hold a text that is no choice."""
    node = _schema(node)
    for kind in ("oneOf", "anyOf", "allOf"):
        for part in node.get(kind, ()):
            yield from _texts(part, path)
    if node.get("type") == "string" and "enum" not in node and node.get("maxLength") != 0:
        yield path, node
    elif node.get("type") == "object" and len(path) < 6:
        for name, part in node.get("properties", {}).items():
            if not part.get("readOnly"):
                yield from _texts(part, (*path, name))
    elif node.get("type") == "array":
        yield from _texts(node["items"], (*path, 0))


def _fields() -> list[tuple[str, str, Path, dict[str, Any]]]:
    found = []
    for method, route, operation in _operations():
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        found += [(method, route, path, node) for path, node in _texts(body["schema"])] if body else []
    return found


def _body(path: Path, text: str) -> Any:
    value: Any = text
    for step in reversed(path):
        value = [value] if isinstance(step, int) else {step: value}
    return value


def _is_line(path: Path, node: dict[str, Any]) -> bool:
    name = [step for step in path if isinstance(step, str)][-1]
    plain = not any(key in node for key in ("format", "pattern")) and node.get("maxLength", 10**9) <= LONGEST_LINE
    return plain and name not in NO_LINES


def _send(client: Any, world: World, method: str, route: str, raw: str) -> Any:
    return client.generic(method.upper(), _filled(route, world), raw, content_type="application/json")


@pytest.mark.parametrize("unstorable", ["\\u0000", "\\ud800"])
def test_no_text_of_any_body_may_hold_what_no_column_holds(
    world: World, alice: Any, client_of: Any, unstorable: str
) -> None:
    client, fields = client_of(alice), _fields()

    outcomes = {
        f"{method} {route} {path}": _send(
            client, world, method, route, json.dumps(_body(path, "a-b")).replace("a-b", f"a{unstorable}b")
        ).status_code
        for method, route, path, _node in fields
    }

    assert len(outcomes) > 150
    assert {field: status for field, status in outcomes.items() if status != 400} == {}


@pytest.mark.parametrize("name", TURNED)
def test_every_name_and_label_is_one_line_that_reads_as_it_stands(
    world: World, alice: Any, client_of: Any, name: str
) -> None:
    client = client_of(alice)
    lines = [field for field in _fields() if _is_line(field[2], field[3])]
    accepted = {}

    for method, route, path, _node in lines:
        answer = _send(client, world, method, route, json.dumps(_body(path, name)))
        place = ".".join(str(step) for step in path)
        refusals = answer.json().get("error", {}).get("fields", {}).get(place, [])
        if answer.status_code != 422 or not any("one line" in refusal for refusal in refusals):
            accepted[f"{method} {route} {place}"] = (answer.status_code, answer.content[:200])

    assert len(lines) > 25
    assert accepted == {}


def test_no_filter_takes_what_no_column_holds(world: World, alice: Any, client_of: Any) -> None:
    client, wrong, asked = client_of(alice), {}, 0

    for method, route, operation in _operations():
        for parameter in operation.get("parameters", ()) if method == "get" else ():
            if parameter.get("in") != "query" or _schema(parameter["schema"]).get("type") != "string":
                continue
            asked += 1
            answer = client.get(f"{_filled(route, world)}?{parameter['name']}={quote(chr(0))}x")
            is_of_nothing = parameter["name"] == "fields" and answer.json().get("results") == []
            if answer.status_code not in (400, 404, 422) and not is_of_nothing:
                wrong[f"{route} {parameter['name']}"] = answer.status_code

    assert asked > 30
    assert wrong == {}


def test_a_path_takes_none_either(world: World, alice: Any, client_of: Any) -> None:
    client = client_of(alice)

    for method, route, _operation in _operations():
        if names := re.findall(r"{(\w+)}", route):
            path = _filled(route.replace(f"{{{names[-1]}}}", "%00"), world)
            assert client.generic(method.upper(), path).status_code in (400, 404, 405, 422), route


def test_what_looks_the_same_is_the_same(alice: Any, client_of: Any) -> None:
    client = client_of(alice)

    assert client.post("/api/v1/chatbots/", {"name": "Cafe\u0301"}, format="json").json()["name"] == "Caf\u00e9"
    assert client.patch("/api/v1/users/me/", {"name": "Zoe\u0308"}, format="json").json()["name"] == "Zo\u00eb"


def test_a_name_in_any_writing_is_a_name(alice: Any, client_of: Any) -> None:
    client = client_of(alice)

    for name in ("مساعد \u200fالمتجر", "नमस्\u200dते", "👩\u200d👩\u200d👧 family", "  spaced  "):
        answer = client.patch("/api/v1/users/me/", {"name": name}, format="json")
        assert (answer.status_code, answer.json().get("name")) == (200, name.strip())


@pytest.mark.parametrize(
    "line",
    [
        '{"question": "a\\u0000b"}',
        '{"question": "a\\ud800b"}',
        '{"question": "a", "answers": ["\\u0000"]}',
        '{"question": "a", "expects": NaN}',
        '{"question": ' + "[" * 3000 + "]" * 3000 + "}",
        '{"question": "a", "passages": [{"quote": "\\u0000"}]}',
        '{"question": 1' + "0" * 5000 + "}",
    ],
)
def test_json_inside_of_a_text_is_no_way_round(world: World, alice: Any, client_of: Any, line: str) -> None:
    path = f"/api/v1/test-sets/{world.test_set.pk}/import/"

    answer = client_of(alice).post(path, {"format": "jsonl", "content": line}, format="json")

    assert (answer.status_code, answer.json()["error"]["type"]) == (422, "validation_error")
