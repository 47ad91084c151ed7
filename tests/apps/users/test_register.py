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
