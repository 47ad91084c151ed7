"""Roles, removal, leaving, transfer: everyone stays where they belong, and the last owner stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from chatsphere.apps.users import actions
from chatsphere.apps.users.audit import SYSTEM
from chatsphere.apps.users.models import Membership, Role, User
from chatsphere.core.exceptions import Conflict

pytestmark = pytest.mark.django_db


def _url(person: Any, rest: str = "members/") -> str:
    return f"/api/v1/workspaces/{person.default_workspace.pk}/{rest}"


def _member(person: Any, other: Any) -> str:
    return _url(person, f"members/{other.pk}/")


def _role(person: Any, workspace: Any) -> str | None:
    return Membership.objects.filter(user=person, workspace=workspace).values_list("role", flat=True).first()


def _make(bob: Any, role: str) -> None:
    Membership.objects.filter(user=bob, workspace=bob.default_workspace).update(role=role)


@pytest.fixture
def dora(alice: Any) -> Any:
    person = User.objects.create_user(email="dora@example.com", password="dora-Pass-42")
    Membership.objects.create(workspace=alice.default_workspace, user=person, role=Role.VIEWER)
    return person


def test_members_are_listed_for_members(alice: Any, bob: Any, charlie: Any, client_of: Any) -> None:
    assert len(client_of(bob).get(_url(alice)).json()["results"]) == 2
    assert client_of(charlie).get(_url(alice)).status_code == 404


@pytest.mark.parametrize(
    ("caller", "before", "after", "status"),
    [
        ("owner", "viewer", "admin", 200),
        ("owner", "viewer", "owner", 200),
        ("admin", "viewer", "editor", 200),
        ("admin", "viewer", "admin", 200),
        ("admin", "viewer", "owner", 403),
        ("admin", "owner", "viewer", 403),
        ("editor", "viewer", "editor", 403),
        ("viewer", "viewer", "owner", 403),
    ],
)
def test_who_gives_which_role(
    alice: Any, bob: Any, dora: Any, client_of: Any, caller: str, before: str, after: str, status: int
) -> None:
    _make(bob, caller)
    Membership.objects.filter(user=dora, workspace=alice.default_workspace).update(role=before)

    answer = client_of(bob).patch(_member(alice, dora), {"role": after})

    assert answer.status_code == status
    assert _role(dora, alice.default_workspace) == (after if status == 200 else before)


def test_nobody_promotes_themselves(bob: Any, client_of: Any) -> None:
    _make(bob, "admin")

    assert client_of(bob).patch(_member(bob, bob), {"role": "owner"}).status_code == 403


def test_a_stranger_is_no_member_to_change(alice: Any, charlie: Any, client_of: Any) -> None:
    assert client_of(alice).patch(_member(alice, charlie), {"role": "viewer"}).status_code == 404
    assert client_of(charlie).patch(_member(alice, alice), {"role": "viewer"}).status_code == 404
    assert client_of(charlie).delete(_member(alice, alice)).status_code == 404


def test_the_last_owner_neither_steps_down_nor_leaves(alice: Any, bob: Any, client_of: Any) -> None:
    client = client_of(alice)

    answers = [client.patch(_member(alice, alice), {"role": "admin"}), client.delete(_member(alice, alice))]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert {answer.json()["error"]["type"] for answer in answers} == {"last_owner"}


def test_with_a_second_owner_the_first_may_go(alice: Any, bob: Any, client_of: Any) -> None:
    client = client_of(alice)
    workspace = alice.default_workspace
    client.patch(_member(alice, bob), {"role": "owner"})

    assert client.delete(_member(alice, alice)).status_code == 204

    assert _role(alice, workspace) is None
    assert _role(bob, workspace) == "owner"


def test_anybody_may_leave_and_lands_in_another_workspace(bob: Any, client_of: Any) -> None:
    client = client_of(bob)

    assert client.delete(_member(bob, bob)).status_code == 204

    assert client.get("/api/v1/users/me/").json()["role"] == "owner"


def test_who_is_removed_is_out_at_the_next_request(alice: Any, bob: Any, client_of: Any) -> None:
    his = client_of(bob)

    assert client_of(alice).delete(_member(alice, bob)).status_code == 204

    assert his.get(_url(alice)).status_code == 404


def test_an_admin_does_not_remove_an_owner(alice: Any, bob: Any, client_of: Any) -> None:
    _make(bob, "admin")

    assert client_of(bob).delete(_member(alice, alice)).status_code == 403


def test_an_editor_removes_nobody(alice: Any, bob: Any, dora: Any, client_of: Any) -> None:
    assert client_of(bob).delete(_member(alice, dora)).status_code == 403


def test_transfer_makes_the_other_owner_and_me_admin(alice: Any, bob: Any, client_of: Any) -> None:
    answer = client_of(alice).post(_url(alice, "transfer/"), {"user": str(bob.pk)})

    assert answer.json()["role"] == "admin"
    assert _role(bob, alice.default_workspace) == "owner"
    assert client_of(alice).post(_url(alice, "transfer/"), {"user": str(bob.pk)}).status_code == 403


def test_a_stranger_cannot_be_made_owner(alice: Any, charlie: Any, client_of: Any) -> None:
    assert client_of(alice).post(_url(alice, "transfer/"), {"user": str(charlie.pk)}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_the_same_moment_leave_one_behind(alice: Any, bob: Any) -> None:
    workspace = alice.default_workspace
    _make(bob, "owner")
    start = Barrier(2)

    def leave(person: Any) -> bool:
        start.wait()
        try:
            actions.remove_member(workspace_id=workspace.pk, user_id=person.pk, by_role="owner", actor=SYSTEM)
        except Conflict:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as threads:
        outcomes = sorted(threads.map(leave, (alice, bob)))

    assert outcomes == [False, True]
    assert Membership.objects.filter(workspace=workspace, role=Role.OWNER).count() == 1
