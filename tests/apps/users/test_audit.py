"""The audit trail tells who did what, and nobody changes it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction

from chatsphere.apps.users.models import AuditEvent, Membership

pytestmark = pytest.mark.django_db


def _url(person: Any) -> str:
    return f"/api/v1/workspaces/{person.default_workspace.pk}/audit-events/"


def test_security_relevant_deeds_are_written_down(alice: Any, bob: Any, client_of: Any) -> None:
    client = client_of(alice)
    workspace = f"/api/v1/workspaces/{alice.default_workspace.pk}"
    key = client.post("/api/v1/api-keys/", {"name": "server", "scopes": ["chat"]}).json()
    client.post(f"/api/v1/api-keys/{key['id']}/rotate/", {})
    client.delete(f"/api/v1/api-keys/{key['id']}/")
    client.patch(f"{workspace}/", {"name": "Renamed"})
    client.patch(f"{workspace}/members/{bob.pk}/", {"role": "admin"})
    client.post(f"{workspace}/invitations/", {"email": "x@example.com", "role": "viewer"})
    client.post(
        "/api/v1/auth/password/change/", {"current_password": "alice-Pass-42", "new_password": "another-good-one-9"}
    )
    client.delete(f"{workspace}/members/{bob.pk}/")

    rows = client.get(_url(alice), {"limit": 100}).json()["results"]

    assert [row["action"] for row in reversed(rows)] == [
        "session.opened",
        "api_key.created",
        "api_key.rotated",
        "api_key.created",
        "api_key.revoked",
        "workspace.changed",
        "member.role_changed",
        "invitation.sent",
        "password.changed",
        "member.removed",
    ]
    rotated = rows[-3]
    assert (rotated["actor_label"], rotated["actor_kind"]) == ("alice@example.com", "person")
    assert (rotated["object_type"], rotated["object_id"]) == ("api_key", key["id"])
    assert rotated["ip_address"] == "127.0.0.1"
    assert rotated["request_id"]


def test_no_secret_gets_into_the_trail(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    key = client.post("/api/v1/api-keys/", {"name": "server", "scopes": ["chat"]}).json()

    assert key["secret"][39:] not in str(list(AuditEvent.objects.values()))


def test_the_trail_is_filtered_by_action_and_time(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    client.post("/api/v1/api-keys/", {"name": "server", "scopes": ["chat"]})

    found = client.get(_url(alice), {"action": "api_key.created"}).json()["results"]

    assert [row["action"] for row in found] == ["api_key.created"]
    assert client.get(_url(alice), {"since": "2100-01-01T00:00:00Z"}).json()["results"] == []
    assert client.get(_url(alice), {"since": "yesterday"}).status_code == 422


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("editor", 403), ("admin", 200)])
def test_admins_read_it(bob: Any, client_of: Any, role: str, status: int) -> None:
    Membership.objects.filter(user=bob, workspace=bob.default_workspace).update(role=role)

    assert client_of(bob).get(_url(bob)).status_code == status


def test_a_stranger_reads_nothing(alice: Any, charlie: Any, client_of: Any) -> None:
    assert client_of(charlie).get(_url(alice)).status_code == 404


@pytest.mark.parametrize("deed", ["update", "delete"])
def test_the_database_refuses_changes(alice: Any, client_of: Any, deed: str) -> None:
    client_of(alice)
    events = AuditEvent.objects.all()
    assert events.exists()

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        _ = events.update(action="nothing") if deed == "update" else events.delete()


def test_usage_shows_every_quota_with_its_limit(alice: Any, bob: Any, charlie: Any, client_of: Any) -> None:
    from chatsphere.apps.chatbots.models import Chatbot
    from chatsphere.apps.users import quota
    from chatsphere.apps.users.quota import Amount, Metric

    workspace = alice.default_workspace
    for number in range(2):
        Chatbot.objects.create(workspace=workspace, name="Help", slug=f"help-{number}")
    quota.reserve(workspace_id=workspace.pk, request_key="a", amounts=[Amount(Metric.MESSAGES, 3)])
    url = f"/api/v1/workspaces/{workspace.pk}/usage/"

    rows = {row["metric"]: row for row in client_of(bob).get(url).json()["quotas"]}

    assert list(rows) == ["messages", "tokens", "storage", "chatbots"]
    assert (rows["messages"]["reserved"], rows["messages"]["limit"]) == (3, 1000)
    assert (rows["chatbots"]["used"], rows["chatbots"]["limit"], rows["chatbots"]["period"]) == (2, 3, None)
    assert client_of(charlie).get(url).status_code == 404
