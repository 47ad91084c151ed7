"""Change, reset, proof of the address."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail

from chatsphere.apps.users import one_time
from chatsphere.apps.users.mail import deliver, sweep
from chatsphere.apps.users.models import OutgoingMail, User

pytestmark = pytest.mark.django_db
CHANGE = "/api/v1/auth/password/change/"
RESET, CONFIRM = "/api/v1/auth/password/reset/", "/api/v1/auth/password/reset/confirm/"
VERIFY, REGISTER, TOKEN = "/api/v1/auth/email/verify/", "/api/v1/auth/register/", "/api/v1/auth/token/"
NEW = "another-good-one-9"


def _sign_in(client: Any, password: str, email: str = "alice@example.com") -> int:
    return client.post(TOKEN, {"email": email, "password": password}).status_code


def _code_of_mail() -> str:
    for row in OutgoingMail.objects.all():
        deliver(row.pk)
    found = re.search(r"code: (\S+)", mail.outbox[-1].body)
    assert found
    return found[1]


def test_a_changed_password_ends_all_other_sessions(alice: Any, client_of: Any, api_client: Any) -> None:
    here, elsewhere = client_of(alice), client_of(alice)

    answer = here.post(CHANGE, {"current_password": "alice-Pass-42", "new_password": NEW})

    assert answer.status_code == 204
    assert here.get("/api/v1/users/me/").status_code == 200
    assert elsewhere.get("/api/v1/users/me/").status_code == 401
    assert [_sign_in(api_client, "alice-Pass-42"), _sign_in(api_client, NEW)] == [401, 200]


@pytest.mark.parametrize(
    ("current", "new", "field"), [("wrong", NEW, "current_password"), ("alice-Pass-42", "short", "new_password")]
)
def test_a_wrong_or_weak_password_changes_nothing(
    alice: Any, client_of: Any, api_client: Any, current: str, new: str, field: str
) -> None:
    answer = client_of(alice).post(CHANGE, {"current_password": current, "new_password": new})

    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]
    assert _sign_in(api_client, "alice-Pass-42") == 200


def test_the_present_password_cannot_be_guessed_here(alice: Any, client_of: Any) -> None:
    client = client_of(alice)

    answers = [client.post(CHANGE, {"current_password": str(n), "new_password": NEW}) for n in range(11)]

    assert [answer.status_code for answer in answers] == [422] * 10 + [429]


def test_the_code_of_the_mail_sets_a_password_once_and_ends_every_session(
    alice: Any, client_of: Any, api_client: Any
) -> None:
    session = client_of(alice)
    assert api_client.post(RESET, {"email": "ALICE@example.com"}).status_code == 202
    code = _code_of_mail()

    assert api_client.post(CONFIRM, {"token": code, "password": NEW}).status_code == 204

    assert session.get("/api/v1/users/me/").status_code == 401
    assert _sign_in(api_client, NEW) == 200
    assert api_client.post(CONFIRM, {"token": code, "password": "yet-another-one-3"}).status_code == 422


def test_an_unknown_address_gets_the_same_answer_the_same_work_and_no_mail(alice: Any, api_client: Any) -> None:
    known = api_client.post(RESET, {"email": "alice@example.com"})
    unknown = api_client.post(RESET, {"email": "nobody@example.com"})

    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, b"")
    assert OutgoingMail.objects.count() == 2
    for row in OutgoingMail.objects.all():
        deliver(row.pk)
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]


def test_an_old_code_is_bad(alice: Any, api_client: Any, settings: Any) -> None:
    code = one_time.reset_code(alice)
    settings.PASSWORD_RESET_TIMEOUT = -1

    assert api_client.post(CONFIRM, {"token": code, "password": NEW}).status_code == 422


@pytest.mark.parametrize("code", ["", "x", "x.y", "0" * 32 + ".abc-def"])
def test_a_made_up_code_is_bad(api_client: Any, code: str) -> None:
    assert api_client.post(CONFIRM, {"token": code, "password": NEW}).status_code == 422


def test_resets_of_an_account_are_limited(alice: Any, api_client: Any) -> None:
    answers = [api_client.post(RESET, {"email": "alice@example.com"}).status_code for _number in range(6)]

    assert answers == [202] * 5 + [429]


class TestWhereAddressesMustBeProven:
    BODY = {"email": "dora@example.com", "password": "quite-long-and-odd-7"}

    @pytest.fixture(autouse=True)
    def required(self, settings: Any) -> None:
        settings.EMAIL_VERIFICATION_REQUIRED = True

    def test_nobody_signs_in_before_the_proof(self, api_client: Any) -> None:
        assert api_client.post(REGISTER, self.BODY).status_code == 202
        assert _sign_in(api_client, **self.BODY) == 401

        assert api_client.post(VERIFY, {"token": _code_of_mail()}).status_code == 204

        assert _sign_in(api_client, **self.BODY) == 200

    def test_a_taken_address_gets_the_same_answer_and_a_mail_that_tells(self, alice: Any, api_client: Any) -> None:
        new = api_client.post(REGISTER, self.BODY)
        taken = api_client.post(REGISTER, {**self.BODY, "email": "alice@example.com"})

        assert (new.status_code, new.content) == (taken.status_code, taken.content) == (202, b"")
        assert User.objects.count() == 2
        subjects = {row.recipient: row.subject for row in OutgoingMail.objects.all()}
        assert subjects["alice@example.com"] == "You have a ChatSphere account already"

    def test_a_lost_mail_is_no_dead_end_as_a_reset_proves_the_address_too(self, api_client: Any) -> None:
        api_client.post(REGISTER, self.BODY)
        OutgoingMail.objects.all().delete()
        api_client.post(RESET, {"email": "dora@example.com"})

        api_client.post(CONFIRM, {"token": _code_of_mail(), "password": NEW})

        assert _sign_in(api_client, NEW, "dora@example.com") == 200

    def test_a_code_of_an_earlier_address_proves_nothing(self, alice: Any, api_client: Any) -> None:
        code = one_time.verification_code(alice)
        User.objects.filter(pk=alice.pk).update(email="new@example.com")

        assert api_client.post(VERIFY, {"token": code}).status_code == 422
        assert api_client.post(VERIFY, {"token": code[:-1] + "x"}).status_code == 422


def test_a_mail_server_that_does_not_answer_is_tried_again(
    alice: Any, api_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object) -> None:
        raise ConnectionRefusedError("nobody there")

    api_client.post(RESET, {"email": "alice@example.com"})
    row = OutgoingMail.objects.get()
    with monkeypatch.context() as patched:
        patched.setattr("chatsphere.apps.users.mail.send_mail", fails)
        deliver(row.pk)
    row.refresh_from_db()
    assert (row.state, row.errors) == ("queued", 1)

    OutgoingMail.objects.update(available_at=row.created_at)
    assert sweep() == 1
    deliver(row.pk)

    assert len(mail.outbox) == 1
