"""API keys: shown once, scoped, bound, revoked at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.users.models import APIKey, Membership

pytestmark = pytest.mark.django_db
URL = "/api/v1/api-keys/"
MEMBERS = "/api/v1/users/"


def _make(client: Any, **body: Any) -> dict[str, Any]:
    answer = client.post(URL, {"name": "server", "scopes": ["users:read"], **body})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def _with(secret: str) -> Any:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.fixture
def owner(alice: Any, client_of: Any) -> Any:
    return client_of(alice)


@pytest.fixture
def chatbot(alice: Any) -> Any:
    return Chatbot.objects.create(workspace=alice.default_workspace, name="Help", slug="help")


def test_a_key_is_shown_once_and_works(owner: Any) -> None:
    key = _make(owner)

    assert key["secret"].startswith(f"{key['prefix']}_")
    assert key["secret"].endswith(key["last_four"])
    assert _with(key["secret"]).get(MEMBERS).status_code == 200
    assert "secret" not in owner.get(URL).json()["results"][0]
    assert key["secret"] not in owner.get(f"{URL}{key['id']}/").content.decode()


def test_the_secret_is_not_in_the_database(owner: Any) -> None:
    secret = _make(owner)["secret"][39:]

    stored = APIKey.objects.values().get()

    assert all(secret not in str(value) for value in stored.values())


def test_a_key_may_do_what_its_scopes_say_and_no_more(owner: Any) -> None:
    assert _with(_make(owner, scopes=["chat"])["secret"]).get(MEMBERS).status_code == 403


@pytest.mark.parametrize("path", [URL, "/api/v1/users/me/", "/api/v1/auth/sessions/", "/api/v1/workspaces/"])
def test_no_key_reaches_what_belongs_to_people(owner: Any, path: str) -> None:
    assert _with(_make(owner)["secret"]).get(path).status_code == 403


def test_a_revoked_key_is_refused_from_that_moment(owner: Any) -> None:
    key = _make(owner)
    server = _with(key["secret"])
    assert server.get(MEMBERS).status_code == 200

    assert owner.delete(f"{URL}{key['id']}/").status_code == 204

    assert server.get(MEMBERS).status_code == 401
    assert owner.delete(f"{URL}{key['id']}/").status_code == 404
    assert owner.get(URL).json()["results"] == []


def test_an_expired_key_is_refused(owner: Any) -> None:
    key = _make(owner, expires_at=(timezone.now() + timedelta(hours=1)).isoformat())
    APIKey.objects.update(expires_at=timezone.now())

    assert _with(key["secret"]).get(MEMBERS).status_code == 401


@pytest.mark.parametrize(
    "damage",
    [
        lambda secret: secret[:-1] + ("A" if secret[-1] != "A" else "B"),
        lambda secret: secret.replace("cs_sk", "cs_pk"),
        lambda secret: secret[:-1],
        lambda secret: secret + "A",
        lambda secret: secret[:6] + uuid4().hex + secret[38:],
        lambda secret: "cs_sk_",
    ],
)
def test_a_damaged_key_is_401(owner: Any, damage: Any) -> None:
    assert _with(damage(_make(owner)["secret"])).get(MEMBERS).status_code == 401


def test_a_suspended_workspace_stops_keys_and_people_at_once(owner: Any, alice: Any) -> None:
    server = _with(_make(owner)["secret"])
    workspace = alice.default_workspace
    workspace.is_suspended = True
    workspace.save()

    answers = [server.get(MEMBERS), owner.get(MEMBERS)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].json()["error"]["type"] == "workspace_suspended"


def test_a_deleted_workspace_takes_its_keys_along(owner: Any, alice: Any) -> None:
    server = _with(_make(owner)["secret"])
    workspace = alice.default_workspace
    workspace.deleted_at = timezone.now()
    workspace.save()

    assert server.get(MEMBERS).status_code == 401


def test_the_use_is_noted_at_most_once_a_minute(owner: Any) -> None:
    server = _with(_make(owner)["secret"])
    assert server.get(MEMBERS).status_code == 200
    first = APIKey.objects.get().last_used_at
    server.get(MEMBERS)
    assert APIKey.objects.get().last_used_at == first

    APIKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    server.get(MEMBERS)

    assert APIKey.objects.get().last_used_at > first


def test_a_key_moves_to_the_newest_encryption_key_when_it_is_used(owner: Any, settings: Any) -> None:
    from cryptography.fernet import Fernet

    server = _with(_make(owner)["secret"])
    old = settings.ENCRYPTION_KEYS
    newer = (Fernet.generate_key().decode(),)
    settings.ENCRYPTION_KEYS = (*newer, *old)
    assert server.get(MEMBERS).status_code == 200

    settings.ENCRYPTION_KEYS = newer

    assert server.get(MEMBERS).status_code == 200


def test_rotation_keeps_the_old_key_for_the_overlap_only(owner: Any) -> None:
    old = _make(owner)

    new = owner.post(f"{URL}{old['id']}/rotate/", {"overlap_seconds": 60}).json()

    assert new["scopes"] == old["scopes"]
    assert _with(old["secret"]).get(MEMBERS).status_code == 200
    assert _with(new["secret"]).get(MEMBERS).status_code == 200
    assert APIKey.objects.get(pk=old["id"]).expires_at <= timezone.now() + timedelta(seconds=60)
    assert APIKey.objects.get(pk=new["id"]).expires_at is None


def test_rotation_without_overlap_ends_the_old_key(owner: Any) -> None:
    old = _make(owner)

    assert owner.post(f"{URL}{old['id']}/rotate/", {"overlap_seconds": 0}).status_code == 201

    assert _with(old["secret"]).get(MEMBERS).status_code == 401
    assert owner.post(f"{URL}{old['id']}/rotate/", {}).status_code == 409


def test_a_publishable_key_chats_with_one_chatbot(owner: Any, chatbot: Any) -> None:
    key = _make(owner, kind="publishable", scopes=["chat"], chatbots=[str(chatbot.pk)])

    assert key["secret"].startswith("cs_pk_")
    assert key["chatbots"] == [str(chatbot.pk)]
    assert _with(key["secret"]).get(MEMBERS).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"chatbots": [str(uuid4())]}, "chatbots"),
        ({"chatbots": []}, "chatbots"),
        ({"kind": "publishable", "scopes": ["chat"]}, "chatbots"),
        ({"kind": "magic"}, "kind"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_what_is_wrong_is_422_and_named(owner: Any, body: dict[str, Any], field: str) -> None:
    answer = owner.post(URL, {"name": "server", "scopes": ["chat"], **body})

    assert answer.status_code == 422
    assert any(name.startswith(field) for name in answer.json()["error"]["fields"])
    assert not APIKey.objects.exists()


def test_a_publishable_key_with_another_scope_is_refused(owner: Any, chatbot: Any) -> None:
    body = {"name": "w", "kind": "publishable", "scopes": ["sources:write"], "chatbots": [str(chatbot.pk)]}

    assert "scopes" in owner.post(URL, body).json()["error"]["fields"]


def test_a_deleted_chatbot_gets_no_new_key_but_its_keys_can_still_be_rotated(owner: Any, chatbot: Any) -> None:
    body = {"name": "w", "kind": "publishable", "scopes": ["chat"], "chatbots": [str(chatbot.pk)]}
    old = _make(owner, **body)
    Chatbot.objects.filter(pk=chatbot.pk).update(deleted_at=timezone.now())

    assert "chatbots" in owner.post(URL, body).json()["error"]["fields"]
    rotated = owner.post(f"{URL}{old['id']}/rotate/", {})
    assert rotated.status_code == 201
    assert rotated.json()["chatbots"] == [str(chatbot.pk)]


def test_another_workspaces_chatbot_cannot_be_bound(charlie: Any, client_of: Any, chatbot: Any) -> None:
    body = {"name": "w", "scopes": ["chat"], "chatbots": [str(chatbot.pk)]}

    assert client_of(charlie).post(URL, body).status_code == 422


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("editor", 403), ("admin", 201), ("owner", 201)])
def test_keys_are_made_by_admins(bob: Any, client_of: Any, role: str, status: int) -> None:
    Membership.objects.filter(user=bob, workspace=bob.default_workspace).update(role=role)

    answer = client_of(bob).post(URL, {"name": "server", "scopes": ["chat"]})

    assert answer.status_code == status


def test_a_stranger_finds_no_key(owner: Any, charlie: Any, client_of: Any) -> None:
    key = _make(owner)
    stranger = client_of(charlie)

    assert stranger.get(URL).json()["results"] == []
    assert stranger.get(f"{URL}{key['id']}/").status_code == 404
    assert stranger.delete(f"{URL}{key['id']}/").status_code == 404
    assert stranger.post(f"{URL}{key['id']}/rotate/", {}).status_code == 404
    assert _with(key["secret"]).get(MEMBERS).status_code == 200


def test_lists_of_keys_cost_the_same_however_long(owner: Any, chatbot: Any, django_assert_max_num_queries: Any) -> None:
    for _number in range(8):
        _make(owner, chatbots=[str(chatbot.pk)])

    with django_assert_max_num_queries(4):
        assert len(owner.get(URL).json()["results"]) == 8
