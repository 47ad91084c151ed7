"""GET, PATCH, PUT and DELETE /api/v1/chatbots/{id}/"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chatsphere.apps.chatbots.actions import create_chatbot
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.webhooks.models import Event

pytestmark = pytest.mark.django_db


def test_a_member_reads_it(bob: Any, alices_chatbot: Any, client_of: Any, url: Any) -> None:
    answer = client_of(bob).get(url(alices_chatbot))

    assert answer.status_code == 200
    assert set(answer.json()) == {
        *("id", "name", "slug", "is_active", "configuration", "published_version", "sources_count"),
        *("created_at", "updated_at", "warnings", "budget_per_day", "visitor_budget_per_day"),
    }


@pytest.mark.parametrize("method", ["get", "patch", "put", "delete"])
def test_a_stranger_finds_nothing(charlie: Any, alices_chatbot: Any, client_of: Any, url: Any, method: str) -> None:
    answer = getattr(client_of(charlie), method)(url(alices_chatbot), {"name": "x"} if method != "get" else None)

    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found")
    alices_chatbot.refresh_from_db()
    assert (alices_chatbot.name, alices_chatbot.deleted_at) == ("Help desk", None)


def test_an_unknown_id_answers_like_a_strangers(alice: Any, client_of: Any) -> None:
    assert client_of(alice).get(f"/api/v1/chatbots/{uuid4()}/").status_code == 404
    assert client_of(alice).get("/api/v1/chatbots/none/").status_code == 404


def test_patch_merges_the_configuration(alice: Any, alices_chatbot: Any, client_of: Any, url: Any) -> None:
    client = client_of(alice)
    client.patch(url(alices_chatbot), {"configuration": {"top_k": 3, "language": "de"}})

    body = client.patch(url(alices_chatbot), {"configuration": {"top_k": None, "min_score": 0.7}}).json()

    assert (body["name"], body["configuration"]["language"]) == ("Help desk", "de")
    assert (body["configuration"]["top_k"], body["configuration"]["min_score"]) == (6, 0.7)


def test_put_replaces_the_configuration_and_keeps_the_slug(
    alice: Any, alices_chatbot: Any, client_of: Any, url: Any
) -> None:
    client = client_of(alice)
    client.patch(url(alices_chatbot), {"is_active": False, "configuration": {"top_k": 3}})

    body = client.put(url(alices_chatbot), {"name": "New", "configuration": {"language": "fr"}}).json()

    assert (body["name"], body["slug"], body["is_active"]) == ("New", "help-desk", True)
    assert (body["configuration"]["top_k"], body["configuration"]["language"]) == (6, "fr")


def test_put_needs_a_name(alice: Any, alices_chatbot: Any, client_of: Any, url: Any) -> None:
    assert client_of(alice).put(url(alices_chatbot), {}).status_code == 422


@pytest.mark.parametrize("field", ["id", "workspace", "published_version", "sources_count", "created_at", "deleted_at"])
def test_what_the_server_decides_cannot_be_written(
    alice: Any, alices_chatbot: Any, client_of: Any, url: Any, field: str
) -> None:
    assert client_of(alice).patch(url(alices_chatbot), {field: None}).status_code == 422


def test_a_slug_can_be_changed_but_not_to_a_taken_one(
    alice: Any, alices_chatbot: Any, client_of: Any, url: Any
) -> None:
    create_chatbot(workspace_id=alice.default_workspace_id, name="Sales")
    client = client_of(alice)

    assert client.patch(url(alices_chatbot), {"slug": "support"}).json()["slug"] == "support"
    assert client.patch(url(alices_chatbot), {"slug": "support"}).status_code == 200
    assert client.patch(url(alices_chatbot), {"slug": "sales"}).status_code == 422


@pytest.mark.django_db(transaction=True)  # the cache of reads follows commits
def test_a_change_on_an_old_reading_is_refused(alice: Any, alices_chatbot: Any, client_of: Any, url: Any) -> None:
    client = client_of(alice)
    old = client.get(url(alices_chatbot)).headers["ETag"]
    new = client.patch(url(alices_chatbot), {"name": "First"}, headers={"If-Match": old}).headers["ETag"]

    for method in ("patch", "put", "delete"):
        answer = getattr(client, method)(url(alices_chatbot), {"name": "Second"}, headers={"If-Match": old})
        assert (answer.status_code, answer.json()["error"]["type"]) == (412, "precondition_failed")
    assert client.get(url(alices_chatbot)).json()["name"] == "First"
    assert client.patch(url(alices_chatbot), {"name": "x"}, headers={"If-Match": f'"other", {new}'}).status_code == 200
    assert client.patch(url(alices_chatbot), {"name": "y"}, headers={"If-Match": "*"}).status_code == 200
    assert client.patch(url(alices_chatbot), {"name": "z"}, headers={"If-Match": "garbage"}).status_code == 412


def test_a_deleted_chatbot_is_gone_at_once_and_frees_its_slug(
    alice: Any, alices_chatbot: Any, client_of: Any, url: Any
) -> None:
    client = client_of(alice)

    assert client.delete(url(alices_chatbot)).status_code == 204
    for method in ("get", "patch", "put", "delete"):
        assert getattr(client, method)(url(alices_chatbot), {"name": "x"}).status_code == 404
    assert client.post("/api/v1/chatbots/", {"name": "Help desk"}).json()["slug"] == "help-desk"
    event = Event.objects.in_workspace(alice.default_workspace_id).get(type="chatbot.deleted")
    assert event.object_id == alices_chatbot.pk
    assert Chatbot.objects.get(pk=alices_chatbot.pk).deleted_at is not None


def test_a_viewer_reads_but_does_not_write(bob: Any, alices_chatbot: Any, client_of: Any, url: Any) -> None:
    bob.memberships.filter(workspace=bob.default_workspace).update(role="viewer")
    client = client_of(bob)

    assert client.get(url(alices_chatbot)).status_code == 200
    for method in ("patch", "put", "delete"):
        answer = getattr(client, method)(url(alices_chatbot), {"name": "x"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "forbidden")


def test_a_chatbot_of_a_suspended_workspace_answers_nobody(
    alice: Any, alices_chatbot: Any, client_of: Any, url: Any
) -> None:
    client = client_of(alice)
    type(alice.default_workspace).objects.filter(pk=alice.default_workspace_id).update(is_suspended=True)

    assert client.get(url(alices_chatbot)).status_code == 403
