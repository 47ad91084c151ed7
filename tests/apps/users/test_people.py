"""users/me, users, workspaces."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chatsphere.apps.users.actions.workspaces import MOST_OWNED
from chatsphere.apps.users.models import Membership, User, Workspace

pytestmark = pytest.mark.django_db
ME = "/api/v1/users/me/"


def test_me_shows_person_plan_and_workspace(alice: Any, client_of: Any) -> None:
    me = client_of(alice).get(ME).json()

    assert me == {
        "id": str(alice.pk),
        "email": "alice@example.com",
        "name": "",
        "is_email_verified": False,
        "company_name": "alice's workspace",
        "subscription_tier": "free",
        "usage_limit": 1000,
        "workspace": str(alice.default_workspace.pk),
        "role": "owner",
    }


@pytest.mark.parametrize(
    "body",
    [{"subscription_tier": "enterprise"}, {"usage_limit": 10**9}, {"role": "owner"}, {"email": "x@example.com"}],
)
def test_nobody_raises_their_own_tier_limit_or_role(bob: Any, client_of: Any, body: dict[str, Any]) -> None:
    client = client_of(bob)
    before = client.get(ME).json()

    client.patch(ME, body)

    assert client.get(ME).json() == before


def test_a_person_changes_their_name(bob: Any, client_of: Any) -> None:
    assert client_of(bob).patch(ME, {"name": "Bob B."}).json()["name"] == "Bob B."
    assert User.objects.get(pk=bob.pk).name == "Bob B."


def test_the_company_is_renamed_by_admins_only(alice: Any, bob: Any, client_of: Any) -> None:
    assert client_of(bob).patch(ME, {"company_name": "Bob's"}).status_code == 403
    assert client_of(alice).patch(ME, {"company_name": "Alice's"}).json()["company_name"] == "Alice's"


@pytest.mark.parametrize("body", [{"nmae": "x"}, {"name": "x" * 201}, {"company_name": ""}])
def test_what_is_wrong_is_422(alice: Any, client_of: Any, body: dict[str, Any]) -> None:
    assert client_of(alice).patch(ME, body).status_code == 422


def test_users_are_the_members_of_my_workspace_and_nobody_else(
    alice: Any, bob: Any, charlie: Any, client_of: Any
) -> None:
    rows = client_of(bob).get("/api/v1/users/").json()["results"]

    assert {row["email"]: row["role"] for row in rows} == {"alice@example.com": "owner", "bob@example.com": "editor"}


def test_x_workspace_chooses_among_my_own(alice: Any, bob: Any, client_of: Any) -> None:
    client = client_of(bob)
    own = bob.memberships.get(role="owner").workspace_id

    assert client.get(ME).json()["workspace"] == str(alice.default_workspace.pk)
    there = client.get(ME, HTTP_X_WORKSPACE=str(own)).json()

    assert (there["workspace"], there["role"]) == (str(own), "owner")


@pytest.mark.parametrize("which", ["a stranger's", "none", "no id"])
def test_x_workspace_opens_no_other(charlie: Any, alice: Any, client_of: Any, which: str) -> None:
    header = {"a stranger's": str(alice.default_workspace.pk), "none": str(uuid4()), "no id": "mine"}[which]

    assert client_of(charlie).get(ME, HTTP_X_WORKSPACE=header).status_code == 404


def test_who_was_removed_is_out_at_the_next_request(bob: Any, client_of: Any) -> None:
    client = client_of(bob)
    there = {"HTTP_X_WORKSPACE": str(bob.default_workspace.pk)}
    assert client.get(ME, **there).status_code == 200

    Membership.objects.filter(user=bob, workspace=bob.default_workspace).delete()

    assert client.get(ME, **there).status_code == 404
    assert client.get(ME).json()["role"] == "owner"


def test_a_role_that_changed_holds_at_the_next_request(bob: Any, client_of: Any) -> None:
    client = client_of(bob)
    assert client.patch(ME, {"company_name": "x"}).status_code == 403

    Membership.objects.filter(user=bob, workspace=bob.default_workspace).update(role="admin")

    assert client.patch(ME, {"company_name": "x"}).status_code == 200


def test_workspaces_are_mine_with_my_role(bob: Any, client_of: Any) -> None:
    rows = client_of(bob).get("/api/v1/workspaces/").json()["results"]

    assert sorted(row["role"] for row in rows) == ["editor", "owner"]


def test_another_workspace_can_be_made_and_used(alice: Any, client_of: Any) -> None:
    client = client_of(alice)

    made = client.post("/api/v1/workspaces/", {"name": "Second", "time_zone": "Europe/Berlin"})

    assert made.status_code == 201
    assert client.get(ME, HTTP_X_WORKSPACE=made.json()["id"]).json()["role"] == "owner"


@pytest.mark.parametrize(
    ("body", "field"), [({"time_zone": "Mars/Base"}, "time_zone"), ({"name": ""}, "name"), ({"plan": "pro"}, "plan")]
)
def test_a_workspace_is_changed_with_care(alice: Any, client_of: Any, body: dict[str, Any], field: str) -> None:
    answer = client_of(alice).patch(f"/api/v1/workspaces/{alice.default_workspace.pk}/", body)

    assert answer.status_code == 422
    assert field in answer.json()["error"]["fields"]


def test_a_workspace_is_changed_by_its_admins(alice: Any, bob: Any, charlie: Any, client_of: Any) -> None:
    url = f"/api/v1/workspaces/{alice.default_workspace.pk}/"

    assert client_of(bob).patch(url, {"name": "x"}).status_code == 403
    assert client_of(charlie).patch(url, {"name": "x"}).status_code == 404
    assert client_of(charlie).get(url).status_code == 404
    assert client_of(alice).patch(url, {"name": "Renamed"}).json()["name"] == "Renamed"


def test_a_person_owns_so_many_workspaces_and_no_more(alice: Any, bob: Any, client_of: Any) -> None:
    client, url = client_of(alice), "/api/v1/workspaces/"
    made = [client.post(url, {"name": f"No. {n}"}) for n in range(MOST_OWNED)]

    assert [answer.status_code for answer in made] == [201] * (MOST_OWNED - 1) + [409]
    assert made[-1].json()["error"]["type"] == "too_many_workspaces"
    second = made[0].json()["id"]
    assert client.delete(f"{url}{second}/").status_code == 204
    assert client.post(url, {"name": "At once"}).status_code == 409
    Workspace.objects.filter(pk=second).update(deleted_at=timezone.now() - timedelta(days=8))
    assert client.post(url, {"name": "A week later"}).status_code == 201
    assert client_of(bob).post(url, {"name": "Another's"}).status_code == 201


def test_a_person_is_counted_once_over_all_their_workspaces(alice: Any, client_of: Any, settings: Any) -> None:
    settings.RATE_LIMITS = ("default=2/60",)
    client = client_of(alice)
    made = client.post("/api/v1/workspaces/", {"name": "Second"}).json()

    assert client.get(ME, headers={"X-Workspace": made["id"]}).status_code == 200
    assert client.get(ME, headers={"X-Workspace": made["id"]}).status_code == 429


@pytest.mark.parametrize("path", [ME, "/api/v1/users/", "/api/v1/workspaces/", "/api/v1/auth/sessions/"])
def test_nobody_gets_in_without_a_credential(api_client: Any, path: str) -> None:
    answer = api_client.get(path)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
