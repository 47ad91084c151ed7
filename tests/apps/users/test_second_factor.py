"""The second factor: set up, asked for, used up, lost, switched off."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.db import connection

from chatsphere.apps.users.actions.second_factor import require_code
from chatsphere.apps.users.audit import SYSTEM
from chatsphere.apps.users.models import AuditEvent, RecoveryCode, SecondFactor, User
from chatsphere.core.exceptions import Unauthenticated

pytestmark = pytest.mark.django_db
PASSWORD = "alice-Pass-42"
HERE, TOKEN = "/api/v1/auth/second-factor/", "/api/v1/auth/token/"


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands still in the middle of a step, so that no test runs over its edge."""
    moment = time.time() // 30 * 30 + 15
    monkeypatch.setattr(time, "time", lambda: moment)


def code_of(secret: str, step: int = 0) -> str:
    totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
    return totp.generate(int(time.time()) + 30 * step).decode()


def enable(client: Any, password: str = PASSWORD) -> tuple[str, list[str]]:
    """Sets it up with the code of the step before now: that of now is still good afterwards."""
    secret = client.post(HERE, {"password": password}).json()["secret"]
    answer = client.post(f"{HERE}confirm/", {"code": code_of(secret, -1)})
    assert answer.status_code == 200, answer.content
    return secret, answer.json()["recovery_codes"]


def sign_in(client: Any, code: str | None = None, password: str = PASSWORD) -> tuple[int, str]:
    body = {"email": "alice@example.com", "password": password, **({} if code is None else {"code": code})}
    answer = client.post(TOKEN, body)
    return answer.status_code, "" if answer.status_code == 200 else answer.json()["error"]["type"]


def test_sign_in_asks_for_a_code_once_it_is_confirmed(alice: Any, client_of: Any, api_client: Any) -> None:
    me, elsewhere = client_of(alice), client_of(alice)
    begun = me.post(HERE, {"password": PASSWORD}).json()
    assert begun["uri"].startswith("otpauth://totp/ChatSphere:alice%40example.com?")
    assert sign_in(api_client) == (200, "")  # not in force before it is confirmed

    assert me.post(f"{HERE}confirm/", {"code": code_of(begun["secret"])}).status_code == 200

    assert me.get(HERE).json()["recovery_codes_left"] == 10
    assert elsewhere.get(HERE).status_code == 401  # other sessions have ended
    assert sign_in(api_client) == (401, "second_factor_required")
    assert sign_in(api_client, code_of(begun["secret"], 1)) == (200, "")


def test_who_does_not_know_the_password_learns_nothing_of_the_second_factor(
    alice: Any, client_of: Any, api_client: Any
) -> None:
    secret, _codes = enable(client_of(alice))

    assert sign_in(api_client, password="wrong") == (401, "invalid_credentials")
    assert sign_in(api_client, code_of(secret), password="wrong") == (401, "invalid_credentials")
    assert sign_in(api_client, code_of(secret)) == (200, "")


def test_a_code_is_good_once_and_no_earlier_one_after_it(alice: Any, client_of: Any, api_client: Any) -> None:
    secret, _codes = enable(client_of(alice))

    used = [sign_in(api_client, code_of(secret, step))[0] for step in (1, 1, 0, -1)]

    assert used == [200, 401, 401, 401]


@pytest.mark.parametrize("code", ["000000", "12345", "1234567", "abcdef", "１２３４５６", "a" * 40])
def test_other_codes_are_wrong(alice: Any, client_of: Any, api_client: Any, code: str) -> None:
    secret, _codes = enable(client_of(alice))
    if code in {code_of(secret, step) for step in (0, 1)}:
        pytest.skip("this is the right one, by chance")

    assert sign_in(api_client, code) == (401, "invalid_code")


@pytest.mark.parametrize("step", [-2, 2])
def test_codes_of_other_times_are_wrong(alice: Any, client_of: Any, api_client: Any, step: int) -> None:
    secret, _codes = enable(client_of(alice))

    assert sign_in(api_client, code_of(secret, step)) == (401, "invalid_code")


def test_a_recovery_code_is_good_once_however_it_is_typed(alice: Any, client_of: Any, api_client: Any) -> None:
    _secret, codes = enable(client_of(alice))
    assert len(set(codes)) == 10

    typed = [codes[0], codes[0].upper().replace("-", ""), codes[1].replace("-", " ")]
    outcomes = [sign_in(api_client, code)[0] for code in typed]

    assert outcomes == [200, 401, 200]
    assert RecoveryCode.objects.filter(used_at=None).count() == 8
    assert AuditEvent.objects.filter(action="recovery_code.used").count() == 2


def test_somebody_elses_recovery_code_is_worth_nothing(
    alice: Any, charlie: Any, client_of: Any, api_client: Any
) -> None:
    enable(client_of(alice))
    _secret, codes = enable(client_of(charlie), "charlie-Pass-42")

    assert sign_in(api_client, codes[0]) == (401, "invalid_code")


def test_codes_cannot_be_guessed_from_many_addresses(
    alice: Any, client_of: Any, api_client: Any, settings: Any
) -> None:
    settings.RATE_LIMITS = ["second_factor=1000/60", "sign_in=1000/60"]
    secret, _codes = enable(client_of(alice))
    outcomes = []
    for number in range(12):
        api_client.defaults["REMOTE_ADDR"] = f"192.0.2.{number}"
        outcomes.append(sign_in(api_client, "000001"))

    assert outcomes == [(401, "invalid_code")] * 10 + [(429, "locked_out")] * 2
    assert sign_in(api_client, code_of(secret))[0] == 429  # also the right one has to wait
    with connection.cursor() as cursor:
        cursor.execute("UPDATE users_attemptlimit SET locked_until = now() - interval '1 second'")
    assert sign_in(api_client, code_of(secret))[0] == 200


def test_a_right_password_without_a_code_forgets_no_failures(
    alice: Any, client_of: Any, api_client: Any, settings: Any
) -> None:
    settings.RATE_LIMITS = ["sign_in=1000/60"]
    enable(client_of(alice))

    outcomes = [sign_in(api_client, password="wrong")[0] for _ in range(9)]
    assert sign_in(api_client)[1] == "second_factor_required"

    assert outcomes == [401] * 9
    assert sign_in(api_client, password="wrong")[0] == 401
    assert sign_in(api_client, password="wrong")[1] == "locked_out"


def test_switching_it_off_needs_password_and_code(alice: Any, client_of: Any, api_client: Any) -> None:
    me = client_of(alice)
    secret, codes = enable(me)
    off = f"{HERE}disable/"

    assert me.post(off, {"password": "wrong", "code": code_of(secret)}).status_code == 422
    assert me.post(off, {"password": PASSWORD, "code": "000000"}).status_code == 422
    assert me.post(off, {"password": PASSWORD, "code": codes[3]}).status_code == 204

    assert sign_in(api_client) == (200, "")
    assert (SecondFactor.objects.count(), RecoveryCode.objects.count()) == (0, 0)
    assert me.post(off, {"password": PASSWORD, "code": code_of(secret)}).status_code == 409


def test_new_recovery_codes_take_the_place_of_the_old_ones(alice: Any, client_of: Any, api_client: Any) -> None:
    me = client_of(alice)
    secret, old = enable(me)

    answer = me.post(f"{HERE}recovery-codes/", {"password": PASSWORD, "code": code_of(secret)})

    new = answer.json()["recovery_codes"]
    assert (answer.status_code, len(set(new) - set(old))) == (200, 10)
    assert [sign_in(api_client, code)[0] for code in (old[0], new[0])] == [401, 200]


def test_one_in_force_is_not_replaced_by_setting_up_another(alice: Any, client_of: Any) -> None:
    me = client_of(alice)
    enable(me)

    assert me.post(HERE, {"password": PASSWORD}).status_code == 409
    assert me.post(f"{HERE}confirm/", {"code": "123456"}).status_code == 409


def test_setting_it_up_needs_the_password(alice: Any, client_of: Any) -> None:
    me = client_of(alice)

    assert me.post(HERE, {"password": "wrong"}).status_code == 422
    assert not SecondFactor.objects.exists()


def test_a_reset_password_does_not_switch_it_off(alice: Any, client_of: Any, api_client: Any) -> None:
    from chatsphere.apps.users.one_time import reset_code

    secret, _codes = enable(client_of(alice))
    alice.refresh_from_db()
    confirm = "/api/v1/auth/password/reset/confirm/"
    assert api_client.post(confirm, {"token": reset_code(alice), "password": "another-good-one-9"}).status_code == 204

    assert sign_in(api_client, password="another-good-one-9") == (401, "second_factor_required")
    assert sign_in(api_client, code_of(secret), password="another-good-one-9") == (200, "")


def test_secret_and_codes_cannot_be_read_from_the_database_the_trail_or_the_export(alice: Any, client_of: Any) -> None:
    me = client_of(alice)
    secret, codes = enable(me)
    with connection.cursor() as cursor:
        cursor.execute("SELECT f.secret, c.code_hash::text FROM users_secondfactor f, users_recoverycode c")
        stored = str(cursor.fetchall())
    shown = stored + str(list(AuditEvent.objects.values())) + me.get("/api/v1/users/me/export/").content.decode()

    plain = [secret, *codes, *(code.replace("-", "").upper() for code in codes)]
    assert [each for each in plain if each in shown] == []


def test_a_workspace_may_ask_its_members_for_one(alice: Any, bob: Any, client_of: Any) -> None:
    me, him = client_of(alice), client_of(bob)
    path = f"/api/v1/workspaces/{alice.default_workspace_id}/"
    wish = {"second_factor_required": True}
    assert me.patch(path, wish).status_code == 409  # nobody shuts themselves out
    enable(me)
    assert me.patch(path, wish).status_code == 200

    refused = [him.get("/api/v1/chatbots/"), him.get("/api/v1/users/me/"), him.get(path), him.get(f"{path}members/")]
    assert {(answer.status_code, answer.json()["error"]["type"]) for answer in refused} == {
        (403, "second_factor_required")
    }
    assert me.get("/api/v1/chatbots/").status_code == 200

    enable(him, "bob-Pass-42")
    assert him.get("/api/v1/chatbots/").status_code == 200


def test_operators_are_asked_for_their_code_too(alice: Any, client_of: Any, client: Any) -> None:
    secret, _codes = enable(client_of(alice))
    alice.is_staff = alice.is_superuser = True
    alice.save()
    form = {"username": "alice@example.com", "password": PASSWORD}

    assert "code" in client.get("/admin/login/").content.decode()
    assert client.post("/admin/login/", form).status_code == 200  # the form again
    assert client.get("/admin/").status_code == 302
    client.post("/admin/login/", {**form, "code": code_of(secret)})
    assert client.get("/admin/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_many_requests_with_one_code_one_wins(alice: Any, client_of: Any) -> None:
    secret, codes = enable(client_of(alice))
    user = User.objects.get(pk=alice.pk)

    def attempt(code: str) -> bool:
        try:
            require_code(user, code, SYSTEM)
        except Unauthenticated:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as pool:
        by_app = list(pool.map(attempt, [code_of(secret)] * 6))
        by_recovery = list(pool.map(attempt, [codes[0]] * 3))

    assert (sum(by_app), sum(by_recovery)) == (1, 1)
