"""What is done to an endpoint leaves a line in the audit trail, without its secrets."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.users.models import AuditEvent

pytestmark = pytest.mark.django_db
URL = "/api/v1/webhooks/endpoints/"


def test_every_change_of_an_endpoint_is_noted(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    made = client.post(URL, {"url": "https://example.com/hook", "events": ["*"]}).json()
    client.patch(f"{URL}{made['id']}/", {"description": "CRM"})
    client.post(f"{URL}{made['id']}/rotate-secret/")
    client.delete(f"{URL}{made['id']}/")

    lines = AuditEvent.objects.filter(object_id=made["id"]).order_by("id")
    assert [(line.action, line.actor_id) for line in lines] == [
        ("webhook.created", alice.pk),
        ("webhook.changed", alice.pk),
        ("webhook.secret_rotated", alice.pk),
        ("webhook.deleted", alice.pk),
    ]
    assert "whsec_" not in str([line.details for line in lines])
