"""POST /api/v1/chatbots/"""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.users.models import Plan
from chatsphere.apps.webhooks.models import Event

pytestmark = pytest.mark.django_db
URL = "/api/v1/chatbots/"


def test_it_makes_a_chatbot_in_the_workspace_of_the_caller(alice: Any, client_of: Any) -> None:
    answer = client_of(alice).post(URL, {"name": "Help desk"})

    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["name"], body["slug"], body["is_active"], body["published_version"], body["sources_count"]) == (
        *("Help desk", "help-desk", True),
        *(None, 0),
    )
    assert body["configuration"]["top_k"] == 6
    assert body["configuration"]["theme"] == {}
    assert Chatbot.objects.get(pk=body["id"]).workspace_id == alice.default_workspace_id
    assert answer.headers["ETag"]


def test_it_stores_only_the_keys_that_were_given(alice: Any, client_of: Any) -> None:
    configuration = {"language": "de", "temperature": 0, "top_k": None}

    body = client_of(alice).post(URL, {"name": "x", "configuration": configuration}).json()

    assert Chatbot.objects.get(pk=body["id"]).configuration == {"language": "de", "temperature": 0.0}
    assert body["configuration"]["top_k"] == 6


def test_it_announces_the_chatbot(alice: Any, client_of: Any) -> None:
    body = client_of(alice).post(URL, {"name": "Help desk"}).json()

    event = Event.objects.in_workspace(alice.default_workspace_id).get(type="chatbot.created")
    assert event.payload == {"chatbot": {"id": body["id"], "name": "Help desk", "slug": "help-desk"}}


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Müller & Söhne", "müller-söhne"), ("サポート", "サポート"), ("🤖", "chatbot"), ("a" * 200, "a" * 70)],
)
def test_it_makes_a_slug_of_any_script(alice: Any, client_of: Any, name: str, slug: str) -> None:
    assert client_of(alice).post(URL, {"name": name}).json()["slug"] == slug


def test_it_numbers_slugs_that_are_taken(alice: Any, client_of: Any) -> None:
    client = client_of(alice)

    assert [client.post(URL, {"name": "Desk"}).json()["slug"] for _ in range(3)] == ["desk", "desk-2", "desk-3"]


def test_workspaces_do_not_take_slugs_from_each_other(alice: Any, charlie: Any, client_of: Any) -> None:
    slugs = [client_of(person).post(URL, {"name": "Desk"}).json()["slug"] for person in (alice, charlie)]

    assert slugs == ["desk", "desk"]


@pytest.mark.parametrize("slug", ["desk", "Desk", "a b", "-a", "0198c0ff-0000-7000-8000-000000000000", "a" * 71])
def test_it_refuses_a_slug_that_is_taken_or_odd(alice: Any, client_of: Any, slug: str) -> None:
    client = client_of(alice)
    client.post(URL, {"name": "Desk"})

    answer = client.post(URL, {"name": "Other", "slug": slug})

    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == ["slug"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": None}, "name"),
        ({"name": "x", "color": "red"}, "color"),
        ({"name": "x", "workspace": "0198c0ff-0000-7000-8000-000000000000"}, "workspace"),
        ({"name": "x", "configuration": []}, "configuration.non_field_errors"),
        ({"name": "x", "configuration": {"modell": "x"}}, "configuration.modell"),
        (["name"], "non_field_errors"),
    ],
)
def test_it_says_which_field_is_wrong(alice: Any, client_of: Any, body: Any, field: str) -> None:
    answer = client_of(alice).post(URL, body)

    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]


def test_it_stops_at_the_plans_number_of_chatbots(alice: Any, client_of: Any) -> None:
    Plan.objects.filter(pk=alice.default_workspace.plan_id).update(chatbots=1)
    client = client_of(alice)
    client.post(URL, {"name": "one"})

    answer = client.post(URL, {"name": "two"})

    assert (answer.status_code, answer.json()["error"]["type"]) == (402, "quota_exceeded")
    assert "room for 1 chatbots" in answer.json()["error"]["message"]


def test_a_viewer_may_not_make_one(bob: Any, client_of: Any) -> None:
    bob.memberships.filter(workspace=bob.default_workspace).update(role="viewer")

    assert client_of(bob).post(URL, {"name": "x"}).status_code == 403
