"""POST /api/v1/auth/register/"""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.users.models import Membership, User

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/register/"
GOOD = {"email": "dora@example.com", "password": "quite-long-and-odd-7", "company_name": "Dora's Maps"}


def test_a_new_person_gets_a_workspace_and_tokens_that_work(api_client: Any) -> None:
    answer = api_client.post(URL, GOOD)

    assert answer.status_code == 201
    body = answer.json()
    assert body["user"]["email"] == "dora@example.com"
    assert body["user"]["role"] == "owner"
    assert body["workspace"]["name"] == "Dora's Maps"
    assert body["workspace"]["subscription_tier"] == "free"
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access']}")
    assert api_client.get("/api/v1/users/me/").json()["workspace"] == body["workspace"]["id"]


def test_the_password_comes_back_in_no_form(api_client: Any) -> None:
    assert GOOD["password"] not in api_client.post(URL, GOOD).content.decode()


@pytest.mark.parametrize("email", ["dora@example.com", "DORA@EXAMPLE.COM"])
def test_a_taken_address_is_422_on_email(api_client: Any, email: str) -> None:
    api_client.post(URL, GOOD)

    answer = api_client.post(URL, {**GOOD, "email": email})

    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == ["email"]
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "twin", ["dora@\uff45xample.com", "DORA@exam\u200bple.com", "dora@ex\u00adample.com", " dora@Example.COM "]
)
def test_nobody_gets_two_accounts_by_one_mailbox(api_client: Any, client_of: Any, twin: str) -> None:
    api_client.post(URL, GOOD)

    answer = api_client.post(URL, {**GOOD, "email": twin})

    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["email"])
    tokens = api_client.post("/api/v1/auth/token/", {"email": twin, "password": GOOD["password"]})
    assert tokens.status_code == 200


def test_a_domain_in_its_own_letters_is_kept_in_ascii(api_client: Any) -> None:
    for domain in ("M\u00dcNCHEN.example", "mu\u0308nchen.example", "xn--mnchen-3ya.example"):
        api_client.post(URL, {**GOOD, "email": f"dora@{domain}"})

    assert list(User.objects.values_list("email", flat=True)) == ["dora@xn--mnchen-3ya.example"]


def test_a_row_of_an_earlier_version_is_found_and_has_no_twin(api_client: Any) -> None:
    api_client.post(URL, GOOD)
    User.objects.update(email="dora@m\u00fcnchen.example")

    signs_in = {"email": "dora@m\u00fcnchen.example", "password": GOOD["password"]}
    assert api_client.post("/api/v1/auth/token/", signs_in).status_code == 200
    assert api_client.post(URL, {**GOOD, "email": "dora@xn--mnchen-3ya.example"}).status_code == 422


@pytest.mark.parametrize(
    "local",
    ["do\u212aa", "dor\u0430", "d\u0131", '"dora"', "\uff44ora", "dora\u200b", "do\u202era", "dora.", ".dora", "do ra"],
)
def test_a_letter_that_only_looks_alike_is_no_address(api_client: Any, local: str) -> None:
    answer = api_client.post(URL, {**GOOD, "email": f"{local}@example.com"})

    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["email"])


@pytest.mark.parametrize("domain", ["[127.0.0.1]", "[IPv6:::1]", "example.com.", "-a.com", "a..com", "a\u2024.com"])
def test_a_mailbox_needs_a_name_of_a_host(api_client: Any, domain: str) -> None:
    answer = api_client.post(URL, {**GOOD, "email": f"dora@{domain}"})

    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["email"])


def test_what_operators_enter_is_spelled_alike() -> None:
    assert User.objects.normalize_email("Dora@\uff25xample.COM") == "Dora@example.com"
    assert User.objects.normalize_email("nothing") == "nothing"


@pytest.mark.parametrize("password", ["short1", "password1234", "1234567890123", "dora@example.com"])
def test_a_weak_password_is_422_on_password(api_client: Any, password: str) -> None:
    answer = api_client.post(URL, {**GOOD, "password": password})

    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == ["password"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "no address"), ("email", "a" * 250 + "@example.com"), ("role", "owner"), ("usage_limit", 10**9)],
)
def test_what_is_wrong_or_unknown_is_422_and_named(api_client: Any, field: str, value: object) -> None:
    answer = api_client.post(URL, {**GOOD, field: value})

    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]


def test_the_longest_address_is_welcome(api_client: Any) -> None:
    local, domain = "a" * 64, ".".join(["b" * 60] * 3)

    assert api_client.post(URL, {**GOOD, "email": f"{local}@{domain}.com"}).status_code == 201


def test_a_person_without_a_company_gets_a_workspace_of_their_name(api_client: Any) -> None:
    answer = api_client.post(URL, {"email": "eve@example.com", "password": "quite-long-and-odd-7"})

    assert answer.json()["workspace"]["name"] == "eve's workspace"
    assert Membership.objects.get().role == "owner"


def test_a_bad_credential_is_401_although_nobody_needs_one_here(api_client: Any) -> None:
    api_client.credentials(HTTP_AUTHORIZATION="Bearer nonsense")

    assert api_client.post(URL, GOOD).status_code == 401
