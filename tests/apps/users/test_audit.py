"""The audit trail tells who did what, and nobody changes it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

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


def test_the_trail_can_be_taken_away_as_one_table_and_that_is_written_too(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    client.post("/api/v1/api-keys/", {"name": "=cmd()", "scopes": ["chat"]})

    answer = client.get(_url(alice), {"action": "api_key.created"}, HTTP_ACCEPT="text/csv")

    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert (answer.status_code, len(lines)) == (200, 2)
    assert lines[0].startswith('"id","occurred_at","action"')
    assert '"api_key.created","person"' in lines[1]
    assert AuditEvent.objects.filter(action="audit.exported", actor_id=alice.pk).count() == 1


def test_editors_take_nothing_away(bob: Any, client_of: Any) -> None:
    assert client_of(bob).get(_url(bob), HTTP_ACCEPT="text/csv").status_code == 403


def test_what_an_operator_changes_is_written_down_without_values(alice: Any, client: Any) -> None:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    client.force_login(alice)
    path = f"/admin/users/plan/{alice.default_workspace.plan_id}/change/"

    assert client.post(path, {"code": "free", "name": "Freebie", "is_default": "on"}).status_code == 302

    line = AuditEvent.objects.get(action="operator.changed")
    assert (line.actor_kind, line.actor_id, line.object_type, line.object_id) == ("operator", alice.pk, "plan", "free")
    assert "Name" in line.details["fields"]
    assert "Freebie" not in str(line.details)


def test_only_what_the_retention_period_has_outlived_can_be_deleted(alice: Any) -> None:
    workspace = alice.default_workspace
    event = AuditEvent.objects.create(workspace_id=workspace.pk, action="x", actor_kind="system")
    days_old = "UPDATE users_auditevent SET occurred_at = now() - interval '100 days'"
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE users_auditevent DISABLE TRIGGER users_auditevent_append_only")
        cursor.execute(days_old)
        cursor.execute("ALTER TABLE users_auditevent ENABLE TRIGGER users_auditevent_append_only")

    def delete() -> bool:
        try:
            with transaction.atomic():
                return bool(AuditEvent.objects.filter(pk=event.pk).delete()[0])
        except DatabaseError:
            return False

    outcomes = []
    for days in (None, 101, 1):  # 1 counts as ninety
        type(workspace).objects.filter(pk=workspace.pk).update(keep_audit_days=days)
        outcomes.append(delete())
    assert outcomes == [False, False, True]
