"""No secret that ChatSphere ever shows is found again in logs, the trail, exports, error answers or in clear in the database."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import connection

from chatsphere.apps.chatbots.actions import create_chatbot

pytestmark = pytest.mark.django_db
PASSWORD = "alice-Pass-42"


def _all_rows() -> str:
    with connection.cursor() as cursor:
        parts = []
        for name in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(name)} t")
            parts += [row[0] for row in cursor.fetchall()]
    return "\n".join(parts)


def test_secrets_are_seen_once_and_nowhere_else(
    alice: Any, client_of: Any, api_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(alice)
    chatbot = create_chatbot(workspace_id=alice.default_workspace_id, name="Help")
    workspace = f"/api/v1/workspaces/{alice.default_workspace_id}"
    with caplog.at_level(logging.DEBUG):
        tokens = api_client.post("/api/v1/auth/token/", {"email": alice.email, "password": PASSWORD}).json()
        secrets = {
            "password": PASSWORD,
            "access": tokens["access"],
            "refresh": tokens["refresh"],
            "API key": client.post("/api/v1/api-keys/", {"name": "k", "scopes": ["chat"]}).json()["secret"][39:],
            "webhook secret": client.post(
                "/api/v1/webhooks/endpoints/", {"url": "https://example.com/h", "events": ["*"]}
            ).json()["secret"],
            "identity secret": client.post(f"/api/v1/chatbots/{chatbot.pk}/identity-secrets/", {}).json()["secret"],
            "second factor": client.post("/api/v1/auth/second-factor/", {"password": PASSWORD}).json()["secret"],
            "invitation": client.post(f"{workspace}/invitations/", {"email": "x@example.com", "role": "viewer"}).json()[
                "token"
            ],
        }
        places = {
            "database": _all_rows(),
            "export": client.get("/api/v1/users/me/export/").content.decode(),
            "trail": client.get(f"{workspace}/audit-events/?limit=100").content.decode(),
            "lists": "".join(
                client.get(path).content.decode()
                for path in (
                    "/api/v1/api-keys/",
                    "/api/v1/webhooks/endpoints/",
                    f"/api/v1/chatbots/{chatbot.pk}/identity-secrets/",
                    "/api/v1/auth/sessions/",
                    f"{workspace}/invitations/",
                )
            ),
            "errors": client.post(
                "/api/v1/auth/password/change/", {"current_password": "x", "new_password": PASSWORD}
            ).content.decode(),
        }
    places["log"] = caplog.text

    found = {(name, place) for name, secret in secrets.items() for place, text in places.items() if secret in text}
    assert found == set()
