"""Signing in, refreshing, signing out."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.utils import timezone

from chatsphere.apps.users import actions
from chatsphere.apps.users.models import Session
from chatsphere.core.exceptions import Unauthenticated

pytestmark = pytest.mark.django_db
TOKEN, REFRESH, LOGOUT = "/api/v1/auth/token/", "/api/v1/auth/token/refresh/", "/api/v1/auth/logout/"
ME = "/api/v1/users/me/"


def _sign_in(client: Any, name: str = "alice") -> dict[str, str]:
    answer = client.post(TOKEN, {"email": f"{name}@example.com", "password": f"{name}-Pass-42"})
    assert answer.status_code == 200
    return answer.json()


def _me(client: Any, token: str) -> Any:
    return client.get(ME, HTTP_AUTHORIZATION=f"Bearer {token}")


def test_address_and_password_give_tokens_that_work(alice: Any, api_client: Any) -> None:
    pair = _sign_in(api_client)

    assert _me(api_client, pair["access"]).json()["email"] == "alice@example.com"
    assert set(pair) == {"access", "refresh"}


def test_the_address_may_be_written_in_any_case(alice: Any, api_client: Any) -> None:
    answer = api_client.post(TOKEN, {"email": "Alice@Example.COM", "password": "alice-Pass-42"})

    assert answer.status_code == 200


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_a_wrong_password_and_an_unknown_address_look_the_same(alice: Any, api_client: Any, email: str) -> None:
    answer = api_client.post(TOKEN, {"email": email, "password": "wrong"})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["error"]["type"] == "invalid_credentials"


def test_an_unknown_address_costs_a_password_hash_too(api_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr("chatsphere.apps.users.actions.accounts.make_password", hashed.append)

    api_client.post(TOKEN, {"email": "nobody@example.com", "password": "wrong-one"})

    assert hashed == ["wrong-one"]


def test_a_person_who_was_switched_off_is_out_at_once(alice: Any, api_client: Any) -> None:
    pair = _sign_in(api_client)
    alice.is_active = False
    alice.save()

    assert _me(api_client, pair["access"]).status_code == 401
    assert api_client.post(REFRESH, {"refresh": pair["refresh"]}).status_code == 401
    assert api_client.post(TOKEN, {"email": alice.email, "password": "alice-Pass-42"}).status_code == 401


def test_refreshing_gives_a_new_pair_that_works(alice: Any, api_client: Any) -> None:
    pair = _sign_in(api_client)

    fresh = api_client.post(REFRESH, {"refresh": pair["refresh"]}).json()

    assert fresh["refresh"] != pair["refresh"]
    assert _me(api_client, fresh["access"]).status_code == 200
    assert api_client.post(REFRESH, {"refresh": fresh["refresh"]}).status_code == 200


def test_a_refresh_token_used_twice_ends_its_session_and_no_other(alice: Any, api_client: Any) -> None:
    stolen, elsewhere = _sign_in(api_client), _sign_in(api_client)
    fresh = api_client.post(REFRESH, {"refresh": stolen["refresh"]}).json()

    again = api_client.post(REFRESH, {"refresh": stolen["refresh"]})

    assert again.status_code == 401
    assert again.json()["error"]["type"] == "refresh_reused"
    assert api_client.post(REFRESH, {"refresh": fresh["refresh"]}).status_code == 401
    assert _me(api_client, fresh["access"]).status_code == 401
    assert _me(api_client, elsewhere["access"]).status_code == 200


def test_signing_out_ends_the_session_with_its_access_token(alice: Any, api_client: Any) -> None:
    pair = _sign_in(api_client)

    assert api_client.post(LOGOUT, {"refresh": pair["refresh"]}).status_code == 204

    assert _me(api_client, pair["access"]).status_code == 401
    assert api_client.post(REFRESH, {"refresh": pair["refresh"]}).status_code == 401
    assert api_client.post(LOGOUT, {"refresh": pair["refresh"]}).status_code == 204


def test_an_access_token_is_no_refresh_token_nor_the_other_way_round(alice: Any, api_client: Any) -> None:
    pair = _sign_in(api_client)

    assert api_client.post(REFRESH, {"refresh": pair["access"]}).status_code == 401
    assert _me(api_client, pair["refresh"]).status_code == 401


def _forged(alice: Any, key: str = settings.JWT_SIGNING_KEY, algorithm: str | None = "HS256", **changes: Any) -> str:
    session = actions.open_session(user=alice).session_id
    claims = {
        "iss": "chatsphere",
        "aud": "chatsphere-api",
        "sub": str(alice.pk),
        "sid": str(session),
        "jti": str(uuid.uuid4()),
        "iat": timezone.now(),
        "exp": timezone.now() + timedelta(minutes=5),
        "token_type": "access",
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm)


def test_a_token_made_like_ours_is_good(alice: Any, api_client: Any) -> None:
    assert _me(api_client, _forged(alice)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": timezone.now() - timedelta(minutes=1)},
        {"exp": None},
        {"iat": None},
        {"jti": None},
        {"aud": None},
        {"aud": "another"},
        {"iss": "another"},
        {"iss": None},
        {"token_type": None},
        {"token_type": "refresh"},
        {"sid": str(uuid.uuid4())},
        {"sid": "no id"},
        {"sub": str(uuid.uuid4())},
        {"key": "another-key-of-quite-enough-length-here"},
        {"key": settings.SECRET_KEY.ljust(32, "x")},
        {"key": "", "algorithm": "none"},
        {"algorithm": "HS512"},
    ],
    ids=range(17),
)
def test_a_token_that_differs_in_anything_is_401(alice: Any, api_client: Any, changes: dict[str, Any]) -> None:
    assert _me(api_client, _forged(alice, **changes)).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Token x", "Bearer \u00e9"])
def test_a_damaged_header_is_401_never_anonymous(alice: Any, api_client: Any, header: str) -> None:
    answer = api_client.get(ME, HTTP_AUTHORIZATION=header)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == 401


def test_sessions_can_be_listed_and_ended_by_their_owner_alone(alice: Any, bob: Any, client_of: Any) -> None:
    client, other = client_of(alice), client_of(alice)
    rows = client.get("/api/v1/auth/sessions/").json()["results"]
    other_id = next(row["id"] for row in rows if not row["is_current"])

    assert client_of(bob).delete(f"/api/v1/auth/sessions/{other_id}/").status_code == 404
    assert client.delete(f"/api/v1/auth/sessions/{other_id}/").status_code == 204

    assert other.get(ME).status_code == 401
    assert client.delete(f"/api/v1/auth/sessions/{other_id}/").status_code == 404
    assert len(client.get("/api/v1/auth/sessions/").json()["results"]) == 1


def test_a_session_that_ran_out_cannot_be_refreshed(alice: Any) -> None:
    pair = actions.open_session(user=alice)
    Session.objects.filter(pk=pair.session_id).update(expires_at=timezone.now())

    with pytest.raises(Unauthenticated):
        actions.refresh_session(refresh=pair.refresh)


def test_a_clock_that_was_set_back_signs_nobody_out(alice: Any, api_client: Any) -> None:
    made = timezone.now() + timedelta(hours=2)

    assert _me(api_client, _forged(alice, iat=made, exp=made + timedelta(minutes=5))).status_code == 200
