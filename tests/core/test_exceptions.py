"""Whatever a client sends, it gets one shape back, with the true status, and never a 500."""

from __future__ import annotations

import json
import logging
from typing import Any

import psycopg
import pytest
import redis
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions as drf

from chatsphere.core import exceptions
from chatsphere.core.exceptions import ApiError, Invalid, Throttled, answer_to, as_api_error, envelope, headers
from chatsphere.services.errors import (
    EngineMisconfigured,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)

URL = "/api/v1/chatbots/"


def _shape_is_right(answer: Any, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/json"
    body: dict[str, Any] = answer.json()
    assert body["success"] is False
    error: dict[str, Any] = body["error"]
    assert (error["code"], error["type"], error["request_id"]) == (status, kind, answer.headers["X-Request-Id"])
    assert error["message"]
    return error


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/v1/nothing/", "/api/v2/", "/%00", "/\ufffd", "/api/v1/chatbots/%ff/"]
)
def test_an_unknown_path_is_404(client: Any, path: str) -> None:
    _shape_is_right(client.get(path), 404, "not_found")


def test_a_missing_slash_gets_a_hint(client: Any) -> None:
    error = _shape_is_right(client.get("/api/v1/chatbots"), 404, "not_found")

    assert "/api/v1/chatbots/" in error["message"]


@pytest.mark.django_db
def test_a_wrong_method_is_405(alice: Any, client_of: Any) -> None:
    _shape_is_right(client_of(alice).delete(URL), 405, "method_not_allowed")


@pytest.mark.django_db
def test_a_format_we_do_not_have_is_406(alice: Any, client_of: Any) -> None:
    _shape_is_right(client_of(alice).get(URL, headers={"Accept": "text/turtle"}), 406, "not_acceptable")


@pytest.mark.django_db
@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", "", "application/xml"])
def test_a_body_that_is_no_json_is_415(alice: Any, client_of: Any, content_type: str) -> None:
    answer = client_of(alice).generic("POST", URL, b"name=x", content_type=content_type)

    _shape_is_right(answer, 415, "unsupported_media_type")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": "a\\u0000b"}',
        b'{"name": "\\ud800"}',
        b'{"\\u0000": 1}',
        b'{"name": "x", "name": "y"}',
        b'{"name": NaN}',
        b'{"name": -Infinity}',
        b'{"name": 1e999}',
        b'{"name": 9223372036854775808}',
        b'{"name": ' + b"9" * 5000 + b"}",
        b'\xff\xfe{"name": "x"}',
        b'{"name": "\xff"}',
        b'{"configuration": {"theme": ' + b"[" * 40 + b"]" * 40 + b"}}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
)
def test_a_body_that_cannot_be_read_is_400(alice: Any, client_of: Any, body: bytes) -> None:
    answer = client_of(alice).generic("POST", URL, body, content_type="application/json")

    _shape_is_right(answer, 400, "malformed")


@pytest.mark.django_db
def test_a_body_over_the_limit_is_413(alice: Any, client_of: Any, settings: Any) -> None:
    settings.MAX_JSON_BYTES = 1024
    body = json.dumps({"name": "x" * 2000}).encode()

    answer = client_of(alice).generic("POST", URL, body, content_type="application/json")

    _shape_is_right(answer, 413, "too_large")


@pytest.mark.django_db
def test_a_field_that_is_wrong_is_422_and_named(alice: Any, client_of: Any) -> None:
    body = {"name": "x", "configuration": {"suggested_questions": ["fine", ""], "theme": {"mode": "pink"}}}

    error = _shape_is_right(client_of(alice).post(URL, body), 422, "validation_error")

    assert list(error["fields"]) == ["configuration.suggested_questions.1", "configuration.theme.mode"]


def test_a_host_that_is_not_ours_is_400(client: Any) -> None:
    for host in ("evil.example", "localhost:abc", "a b", "localhost, evil.example"):
        _shape_is_right(client.get("/", headers={"Host": host}), 400, "unknown_host")
    assert client.get("/healthz", headers={"Host": "10.1.2.3"}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "token", ["Bearer", "Bearer x", "Basic YTpi", "Bearer a.b.c", "Bearer \xe9", "Bearer cs_sk_x_y"]
)
def test_a_bad_credential_is_401(client: Any, token: str) -> None:
    answer = client.get(URL, headers={"Authorization": token})

    _shape_is_right(answer, 401, answer.json()["error"]["type"])
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (Http404(), 404),
        (PermissionDenied(), 403),
        (SuspiciousOperation(), 400),
        (BadRequest(), 400),
        (RequestDataTooBig(), 413),
        (OperationalError("the database is gone"), 503),
        (psycopg.OperationalError("the pool is empty"), 503),
        (redis.ConnectionError("no Redis"), 503),
        (drf.NotAuthenticated(), 401),
        (drf.AuthenticationFailed(), 401),
        (drf.PermissionDenied(), 403),
        (drf.ParseError(), 400),
        (drf.Throttled(wait=3), 429),
        (UpstreamTimeout(), 504),
        (UpstreamUnavailable(), 503),
        (UpstreamRateLimited(retry_after=7), 503),
        (UpstreamRejected(), 502),
        (EngineMisconfigured(), 502),
        (KeyError("a bug"), 500),
    ],
)
def test_each_kind_of_trouble_has_its_status(raised: Exception, status: int) -> None:
    error = answer_to(raised, "a test")

    assert error.status == status
    assert "gone" not in str(envelope(error))
    assert "bug" not in str(envelope(error))


def test_bugs_and_outages_are_logged_with_their_cause(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="chatsphere.errors"):
        answer_to(KeyError("a bug"), "GET /bug")
        answer_to(OperationalError("the database is gone"), "GET /outage")
        answer_to(Invalid(), "GET /fine")

    assert [record.getMessage() for record in caplog.records] == [
        "Unhandled error at GET /bug",
        "Out of service at GET /outage: the database is gone",
    ]
    assert caplog.records[0].exc_info


def test_a_bug_is_not_an_api_error() -> None:
    assert as_api_error(ValueError("x")) is None


def test_waiting_times_are_rounded_up() -> None:
    assert headers(Throttled(retry_after=0.2)) == {"Retry-After": "1"}
    assert headers(Throttled(retry_after=2.1)) == {"Retry-After": "3"}


def test_no_two_errors_share_a_type() -> None:
    kinds = [kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, ApiError)]

    assert len({kind.type for kind in kinds}) == len(kinds)
