"""The OpenAPI document is valid, complete and served without the help of other hosts."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from openapi_spec_validator import validate

from chatsphere.core.documents import document

METHODS = {"get", "post", "put", "patch", "delete"}


def _operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = document()["paths"].items()
    return [(path, method, item[method]) for path, item in paths for method in item if method in METHODS]


def test_it_is_made_without_a_warning() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_it_is_valid_openapi_3() -> None:
    validate(document())


def test_what_members_and_visitors_see_differently_may_be_both() -> None:
    """A member's row has all fields of a visitor's: ``oneOf`` would refuse it."""
    schemas = document()["components"]["schemas"]
    for name in ("ShownConversation", "ShownMessage"):
        assert len(schemas[name]["anyOf"]) == 2
    assert [name for name, schema in schemas.items() if "oneOf" in schema and "discriminator" not in schema] == []


def test_every_operation_has_an_id_of_its_own_a_tag_and_a_sentence() -> None:
    operations = _operations()
    ids = [operation["operationId"] for _path, _method, operation in operations]

    assert len(ids) == len(set(ids))
    lacking = [
        f"{method} {path}"
        for path, method, operation in operations
        if not (operation.get("tags") and (operation.get("description") or operation.get("summary")))
    ]
    assert lacking == []


def test_every_operation_of_the_api_names_its_errors() -> None:
    for path, method, operation in _operations():
        if path.startswith("/api/"):
            wanted = {"400", "401", "403", "404", "422", "429"}
            assert wanted <= set(operation["responses"]), f"{method} {path}"


def test_every_post_of_the_api_takes_an_idempotency_key() -> None:
    for path, method, operation in _operations():
        names = [parameter.get("$ref", "") for parameter in operation.get("parameters", [])]
        takes_one = "#/components/parameters/IdempotencyKey" in names
        assert takes_one is (method == "post" and path.startswith("/api/")), f"{method} {path}"


def test_tokens_travel_as_bearer() -> None:
    scheme = document()["components"]["securitySchemes"]["bearer"]

    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_it_is_served_as_json(client: Any) -> None:
    answer = client.get("/api/schema/")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json()["openapi"].startswith("3.")
    assert set(answer.json()["paths"]) == set(document()["paths"])


def test_the_docs_page_needs_no_other_host(client: Any) -> None:
    page = client.get("/api/docs/")

    assert page.status_code == 200
    text = page.content.decode()
    assert re.findall(r"""(?:src|href)=["']?(?:https?:)?//[^"' >]+""", text) == []
    assert "://" not in re.sub(r"^\s*(//|\*).*$", "", text, flags=re.MULTILINE)
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    assert len(files) >= 3
    for file in files:
        assert client.get(file).status_code == 200, file


@pytest.mark.parametrize("path", ["/", "/api/schema/", "/api/docs/", "/healthz"])
def test_nobody_needs_a_credential_to_read_what_there_is(client: Any, path: str) -> None:
    assert client.get(path).status_code == 200


def test_the_front_page_leads_to_the_docs(client: Any) -> None:
    body = client.get("/").json()

    assert body["name"] == "ChatSphere"
    assert client.get(body["docs"]).status_code == 200
    assert client.get(body["schema"]).status_code == 200


def test_only_what_is_read_comes_in_pages() -> None:
    paged = {
        f"{method} {path}"
        for path, method, operation in _operations()
        if "#/components/schemas/Paginated" in str(operation["responses"])
    }

    assert paged
    assert [name for name in paged if not name.startswith("get ")] == []


def test_every_refusal_that_a_view_may_give_is_in_the_document() -> None:
    operations = {(method, path): operation["responses"] for path, method, operation in _operations()}

    assert "412" in operations["delete", "/api/v1/chatbots/{chatbot_id}/"]
    assert "409" in operations["get", "/api/v1/evaluations/{evaluation_id}/calibration/"]
    assert "409" in operations["get", "/api/v1/evaluations/{evaluation_id}/comparison/"]
    bodies = [responses for (method, _path), responses in operations.items() if method in ("post", "put", "patch")]
    assert all("408" in responses for responses in bodies)


def test_a_message_to_the_mcp_door_is_not_left_out() -> None:
    [message] = [body["requestBody"] for _path, _method, body in _operations() if body["operationId"] == "mcp"]

    assert message["required"] is True
