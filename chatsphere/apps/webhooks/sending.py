"""One attempt: the message, its signature after Standard Webhooks, and what came of it."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from chatsphere.services.content.fetch import Fetched, Fetcher, FetchLimits
from chatsphere.services.errors import EngineError

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, no secret
SECRET_BYTES = 32
LIMITS = FetchLimits(connect_seconds=10.0, total_seconds=15.0, max_bytes=64 * 1024, max_redirects=0, stop_at_limit=True)


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, the same bytes at every attempt."""

    id: UUID
    type: str
    version: int
    occurred_at: datetime
    data: Mapping[str, Any]

    def body(self) -> bytes:
        """JSON in UTF-8."""
        stamp = self.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return orjson.dumps({"type": self.type, "version": self.version, "timestamp": stamp, "data": self.data})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt. Only a 2xx is success; ``retry_after`` is what the endpoint asked for, in seconds."""

    status: int | None
    seconds: float
    error_type: str = ""
    error_message: str = ""
    retry_after: float | None = None

    @property
    def is_success(self) -> bool:
        return self.error_type == ""

    @property
    def is_gone(self) -> bool:
        return self.status == HTTPStatus.GONE


def new_secret() -> str:
    """A signing secret, as Standard Webhooks spells it."""
    return SECRET_PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(message: Message, keys: Sequence[str], now: datetime) -> dict[str, str]:
    """The headers of an attempt; each key that is good now signs once."""
    body = message.body().decode()
    signatures = [Webhook(key).sign(msg_id=str(message.id), timestamp=now, data=body) for key in keys]
    return {
        "Content-Type": "application/json",
        "webhook-id": str(message.id),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def send(url: str, message: Message, keys: Sequence[str]) -> Outcome:
    """Make one attempt, 15 seconds at most. Never raises for anything that the endpoint does."""
    now = timezone.now()
    try:
        answer = fetcher().fetch(url, method="POST", headers=signed_headers(message, keys, now), body=message.body())
    except EngineError as error:
        seconds = (timezone.now() - now).total_seconds()
        return Outcome(None, seconds, error.type, error.message)
    return _judged(answer)


@cache
def fetcher() -> Fetcher:
    """The guarded client of this process: no redirects, little of the answer read."""
    return Fetcher(limits=LIMITS, allow_loopback=settings.FETCH_ALLOW_LOOPBACK, user_agent="ChatSphere-Webhooks/1.0")


def _judged(answer: Fetched) -> Outcome:
    if 200 <= answer.status < 300:
        return Outcome(answer.status, answer.seconds)
    kind = "redirect" if 300 <= answer.status < 400 else "bad_status"
    text = f"The endpoint answered with the status {answer.status}; only 2xx counts as received."
    return Outcome(answer.status, answer.seconds, kind, text, _retry_after(answer.headers.get("retry-after", "")))


def _retry_after(header: str) -> float | None:
    """Seconds, given as a number or as a date; None when there is nothing to read."""
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        return max(0.0, (parsedate_to_datetime(header) - timezone.now()).total_seconds())
    except (ValueError, TypeError):
        return None
