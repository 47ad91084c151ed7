"""What pages of other origins may read."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.core.origins import bad_origins

pytestmark = pytest.mark.django_db
CONSOLE = "https://console.example.com"
ME = "/api/v1/users/me/"
ASKS = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture(autouse=True)
def _console(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = (CONSOLE,)


def test_the_console_reads_the_api(alice: Any, client_of: Any) -> None:
    answer = client_of(alice).get(ME, headers={"Origin": CONSOLE})

    assert answer.headers["Access-Control-Allow-Origin"] == CONSOLE
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.headers["Vary"]


def test_the_console_reads_errors_too(api_client: Any) -> None:
    answer = api_client.get(ME, headers={"Origin": CONSOLE})

    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == CONSOLE


def test_the_console_may_ask_beforehand(api_client: Any) -> None:
    answer = api_client.options(ME, headers={"Origin": CONSOLE, **ASKS})

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == CONSOLE
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "origin", ["https://evil.com", "null", "https://console.example.com.evil.com", "http://console.example.com", "*"]
)
def test_other_pages_read_nothing(alice: Any, client_of: Any, origin: str) -> None:
    client = client_of(alice)

    for answer in (
        client.get(ME, headers={"Origin": origin}),
        client.options(ME, headers={"Origin": origin, **ASKS}),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


def test_nothing_is_said_outside_the_api(api_client: Any) -> None:
    assert "Access-Control-Allow-Origin" not in api_client.get("/healthz", headers={"Origin": CONSOLE}).headers


async def test_async_requests_carry_it_too(async_client: Any, settings: Any) -> None:
    answer = await async_client.options(ME, headers={"Origin": CONSOLE, **ASKS})

    assert answer.headers["Access-Control-Allow-Origin"] == CONSOLE


def test_what_is_no_origin_is_named() -> None:
    bad = ["*", "example.com", "https://*.example.com", "https://example.com/", "https://a.com,https://b.com"]

    assert bad_origins([*bad, CONSOLE, "http://localhost:3000"]) == bad
