"""Invitations: by mail, to one address, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from chatsphere.apps.users.mail import deliver
from chatsphere.apps.users.models import Invitation, Membership, OutgoingMail, User

pytestmark = pytest.mark.django_db
ACCEPT = "/api/v1/invitations/accept/"


def _url(person: Any, rest: str = "") -> str:
    return f"/api/v1/workspaces/{person.default_workspace.pk}/invitations/{rest}"


def _invite(client: Any, alice: Any, email: str = "charlie@example.com", role: str = "editor") -> dict[str, Any]:
    answer = client.post(_url(alice), {"email": email, "role": role})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_the_invited_person_joins_with_the_role(alice: Any, charlie: Any, client_of: Any) -> None:
    token = _invite(client_of(alice), alice)["token"]

    answer = client_of(charlie).post(ACCEPT, {"token": token})

    assert (answer.json()["id"], answer.json()["role"]) == (str(alice.default_workspace.pk), "editor")
    assert client_of(charlie).post(ACCEPT, {"token": token}).status_code == 422


def test_a_workspace_whose_name_has_a_line_break_can_still_invite(alice: Any, client_of: Any) -> None:
    type(alice.default_workspace).objects.update(name="Acme\r\nBcc: everybody@example.com")
    _invite(client_of(alice), alice)

    deliver(OutgoingMail.objects.get().pk)

    assert (mail.outbox[0].recipients(), mail.outbox[0].bcc) == (["charlie@example.com"], [])
    assert mail.outbox[0].subject == "Join Acme Bcc: everybody@example.com on ChatSphere"


def test_the_mail_carries_the_code_and_is_gone_when_it_was_sent(alice: Any, client_of: Any) -> None:
    token = _invite(client_of(alice), alice)["token"]
    row = OutgoingMail.objects.get()

    deliver(row.pk)

    assert mail.outbox[0].to == ["charlie@example.com"]
    assert token in mail.outbox[0].body
    assert not OutgoingMail.objects.exists()


def test_neither_token_nor_mail_stands_readable_in_the_database(alice: Any, client_of: Any) -> None:
    from django.db import connection

    token = _invite(client_of(alice), alice)["token"]

    assert token not in str(Invitation.objects.values().get())
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM users_outgoingmail")
        assert token not in cursor.fetchone()[0]


def test_another_address_cannot_use_it(alice: Any, bob: Any, client_of: Any) -> None:
    token = _invite(client_of(alice), alice)["token"]

    assert client_of(bob).post(ACCEPT, {"token": token}).status_code == 403


def test_a_second_invitation_replaces_the_first(alice: Any, charlie: Any, client_of: Any) -> None:
    owner = client_of(alice)
    first = _invite(owner, alice, "Charlie@example.com")["token"]
    second = _invite(owner, alice, role="viewer")["token"]

    assert len(owner.get(_url(alice)).json()["results"]) == 1
    assert client_of(charlie).post(ACCEPT, {"token": first}).status_code == 422
    assert client_of(charlie).post(ACCEPT, {"token": second}).json()["role"] == "viewer"


def test_a_withdrawn_or_old_invitation_is_bad(alice: Any, charlie: Any, client_of: Any) -> None:
    owner = client_of(alice)
    withdrawn = _invite(owner, alice)
    assert owner.delete(_url(alice, f"{withdrawn['id']}/")).status_code == 204
    assert owner.delete(_url(alice, f"{withdrawn['id']}/")).status_code == 404
    old = _invite(owner, alice)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    for invitation in (withdrawn, old):
        assert client_of(charlie).post(ACCEPT, {"token": invitation["token"]}).status_code == 422


def test_who_is_a_member_is_not_invited_again(alice: Any, bob: Any, client_of: Any) -> None:
    assert client_of(alice).post(_url(alice), {"email": "BOB@example.com", "role": "viewer"}).status_code == 409


@pytest.mark.parametrize("role", ["owner", "king", ""])
def test_nobody_is_invited_as_owner(alice: Any, client_of: Any, role: str) -> None:
    assert client_of(alice).post(_url(alice), {"email": "x@example.com", "role": role}).status_code == 422


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("editor", 403), ("admin", 201)])
def test_admins_invite(alice: Any, bob: Any, client_of: Any, role: str, status: int) -> None:
    Membership.objects.filter(user=bob, workspace=alice.default_workspace).update(role=role)

    answer = client_of(bob).post(_url(alice), {"email": "x@example.com", "role": "viewer"})

    assert answer.status_code == status
    assert client_of(bob).get(_url(alice)).status_code == (200 if status == 201 else 403)


def test_a_stranger_sees_and_withdraws_nothing(alice: Any, charlie: Any, client_of: Any) -> None:
    invitation = _invite(client_of(alice), alice)
    stranger = client_of(charlie)

    assert stranger.get(_url(alice)).status_code == 404
    assert stranger.post(_url(alice), {"email": "x@example.com", "role": "viewer"}).status_code == 404
    assert stranger.delete(_url(alice, f"{invitation['id']}/")).status_code == 404


def test_somebody_new_registers_first_and_then_joins(alice: Any, api_client: Any, client_of: Any) -> None:
    token = _invite(client_of(alice), alice, "new@example.com")["token"]
    body = {"email": "new@example.com", "password": "quite-long-and-odd-7"}
    api_client.post("/api/v1/auth/register/", body)

    assert client_of(User.objects.get(email="new@example.com")).post(ACCEPT, {"token": token}).status_code == 200
