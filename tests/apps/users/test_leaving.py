"""Deleting a workspace, deleting and exporting an account."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.users import actions
from chatsphere.apps.users.models import AuditEvent, Membership, User, Workspace

pytestmark = pytest.mark.django_db
DELETE, EXPORT, ME = "/api/v1/users/me/delete/", "/api/v1/users/me/export/", "/api/v1/users/me/"


def _url(workspace: Any) -> str:
    return f"/api/v1/workspaces/{workspace.pk}/"


def test_a_deleted_workspace_answers_nothing_more(alice: Any, bob: Any, client_of: Any, api_client: Any) -> None:
    workspace, client = alice.default_workspace, client_of(alice)
    second = client.post("/api/v1/workspaces/", {"name": "Second"}).json()["id"]
    key = actions.create_key(workspace_id=workspace.pk, created_by=None, name="k", scopes=["users:read"]).secret

    assert client.delete(_url(workspace)).status_code == 204

    assert client.get(_url(workspace)).status_code == 404
    assert client.get(ME).json()["workspace"] == second
    assert api_client.get("/api/v1/users/", HTTP_AUTHORIZATION=f"Bearer {key}").status_code == 401
    assert client_of(bob).get(ME).json()["workspace"] != str(workspace.pk)
    assert Workspace.objects.get(pk=workspace.pk).deleted_at is not None


def test_ones_only_workspace_stays(alice: Any, client_of: Any) -> None:
    assert client_of(alice).delete(_url(alice.default_workspace)).json()["error"]["type"] == "only_workspace"


@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
def test_only_owners_delete_it(bob: Any, client_of: Any, role: str) -> None:
    Membership.objects.filter(user=bob, workspace=bob.default_workspace).update(role=role)

    assert client_of(bob).delete(_url(bob.default_workspace)).status_code == 403


def test_a_deleted_account_is_gone_with_sessions_and_own_workspaces(
    alice: Any, client_of: Any, api_client: Any
) -> None:
    client, workspace = client_of(alice), alice.default_workspace

    assert client.post(DELETE, {"password": "alice-Pass-42"}).status_code == 204

    assert client.get(ME).status_code == 401
    assert not User.objects.filter(pk=alice.pk).exists()
    assert Workspace.objects.get(pk=workspace.pk).deleted_at is not None
    sign_in = {"email": "alice@example.com", "password": "alice-Pass-42"}
    assert api_client.post("/api/v1/auth/token/", sign_in).status_code == 401
    assert AuditEvent.objects.filter(action="user.deleted", object_id=str(alice.pk)).exists()


def test_who_others_need_as_owner_cannot_go(alice: Any, bob: Any, client_of: Any) -> None:
    answer = client_of(alice).post(DELETE, {"password": "alice-Pass-42"})

    assert answer.status_code == 409
    assert "alice's workspace" in answer.json()["error"]["message"]
    assert User.objects.filter(pk=alice.pk).exists()


def test_a_member_goes_and_the_workspace_stays(alice: Any, bob: Any, client_of: Any) -> None:
    assert client_of(bob).post(DELETE, {"password": "bob-Pass-42"}).status_code == 204

    assert Workspace.objects.get(pk=alice.default_workspace.pk).deleted_at is None
    assert client_of(alice).get(ME).status_code == 200


def test_a_wrong_password_deletes_nothing(alice: Any, client_of: Any) -> None:
    assert client_of(alice).post(DELETE, {"password": "wrong"}).status_code == 422
    assert User.objects.filter(pk=alice.pk).exists()


def test_the_export_holds_what_is_stored_and_nothing_of_others(alice: Any, bob: Any, client_of: Any) -> None:
    client_of(alice)

    data = client_of(bob).get(EXPORT)

    assert {row["email"] for row in data.json()["memberships"]} == {"bob@example.com"}
    assert len(data.json()["sessions"]) == 1
    assert data.json()["audit_events"][0]["action"] == "session.opened"
    assert "alice@example.com" not in data.content.decode()
