"""Signatures that the official verifier of Standard Webhooks accepts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from chatsphere.apps.webhooks.sending import Message, new_secret, signed_headers
from chatsphere.core.identifiers import new_id

MESSAGE = Message(new_id(), "chatbot.created", 1, timezone.now(), {"name": "Grüße 🤖", "n": 1})


def test_the_verifier_accepts_it() -> None:
    secret = new_secret()

    verified: Any = Webhook(secret).verify(MESSAGE.body(), signed_headers(MESSAGE, [secret], timezone.now()))

    assert verified["type"] == "chatbot.created"
    assert verified["data"] == {"name": "Grüße 🤖", "n": 1}
    assert verified["timestamp"].endswith("Z")


def test_both_secrets_verify_during_a_rotation() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers(MESSAGE, [new, old], timezone.now())

    for secret in (old, new):
        Webhook(secret).verify(MESSAGE.body(), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(MESSAGE.body(), headers)


def test_another_body_id_or_time_is_noticed() -> None:
    secret = new_secret()
    headers = signed_headers(MESSAGE, [secret], timezone.now())
    later = str(int(headers["webhook-timestamp"]) + 1)

    for body, changed in (
        (MESSAGE.body() + b" ", {}),
        (MESSAGE.body(), {"webhook-id": str(new_id())}),
        (MESSAGE.body(), {"webhook-timestamp": later}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, {**headers, **changed})


def test_an_old_message_cannot_be_played_again() -> None:
    secret = new_secret()
    headers = signed_headers(MESSAGE, [secret], timezone.now() - timedelta(minutes=6))

    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(MESSAGE.body(), headers)


def test_every_attempt_sends_the_same_bytes() -> None:
    assert MESSAGE.body() == MESSAGE.body()
