"""``Idempotency-Key``: a POST that is sent twice is done once.

The first request with a key does the work and its answer is kept for 24 hours; the same request gets that answer again
(``Idempotency-Replayed: true``), another body is 422, one that is still under way 409. What failed or was refused for a passing reason
is forgotten, so that it may be sent again. A streamed answer is not kept: its repetition is 409 and costs nothing.

The statements run outside the request's own transaction, each by itself.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from chatsphere.core.async_database import pool
from chatsphere.core.encryption import decrypt, encrypt
from chatsphere.core.exceptions import Conflict, Invalid, Malformed
from chatsphere.core.identifiers import new_id
from chatsphere.services.sql import statements

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
STREAMED = 0
LARGEST_KEPT = 1024 * 1024
PASSING = frozenset({401, 402, 408, 409, 429})
SQL = statements("chatsphere.core")
_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request with a key, before it is known whether it is the first."""

    id: UUID
    owner: str
    key: str
    fingerprint: bytes

    def parameters(self) -> dict[str, Any]:
        return {"id": self.id, "owner": self.owner, "key": self.key, "fingerprint": self.fingerprint}


def ticket_for(request: HttpRequest, owner: str) -> Ticket:
    """Reads key and body. Raises Malformed for a key that is no 1 to 255 visible ASCII characters."""
    key = request.headers[HEADER]
    if not _KEY.match(key):
        raise Malformed(_("An Idempotency-Key has 1 to 255 visible ASCII characters."))
    return Ticket(id=new_id(), owner=owner, key=key, fingerprint=_fingerprint(request))


def _fingerprint(request: HttpRequest) -> bytes:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if (request.content_type or "").startswith("multipart/"):
        # The boundary differs each time and the files may be large: uploads are compared by their length.
        digest.update(str(request.META.get("CONTENT_LENGTH", "")).encode())
    else:
        digest.update(request.body)
    return digest.digest()


def begin(ticket: Ticket) -> HttpResponse | None:
    """None: go on and call ``finish``. Else the answer of the first request. Raises Invalid (other body), Conflict (under way)."""
    if _rows("begin_request", ticket.parameters()):
        return None
    return _answer(ticket, next(iter(_rows("earlier_request", ticket.parameters())), None))


def finish(ticket: Ticket, response: HttpResponseBase) -> None:
    """Keep the answer, or forget a request that did nothing."""
    name, parameters = _ending(ticket, response)
    with connection.cursor() as cursor:
        cursor.execute(SQL[name], parameters)


def forget(ticket: Ticket) -> None:
    """The request broke off: it may be sent again."""
    with connection.cursor() as cursor:
        cursor.execute(SQL["forget_request"], {"id": ticket.id})


def forget_expired() -> int:
    """Drop what is older than 24 hours, 5,000 at most; how many."""
    with connection.cursor() as cursor:
        cursor.execute(SQL["forget_expired_requests"])
        return int(cursor.rowcount)


async def begin_async(ticket: Ticket) -> HttpResponse | None:
    """Like ``begin``."""
    async with (await pool()).connection() as own:
        if await (await own.execute(SQL["begin_request"], ticket.parameters())).fetchone():
            return None
        row = await (await own.execute(SQL["earlier_request"], ticket.parameters())).fetchone()
    return _answer(ticket, row)


async def finish_async(ticket: Ticket, response: HttpResponseBase) -> None:
    """Like ``finish``."""
    name, parameters = _ending(ticket, response)
    async with (await pool()).connection() as own:
        await own.execute(SQL[name], parameters)


async def forget_async(ticket: Ticket) -> None:
    """Like ``forget``."""
    async with (await pool()).connection() as own:
        await own.execute(SQL["forget_request"], {"id": ticket.id})


def _answer(ticket: Ticket, row: dict[str, Any] | None) -> HttpResponse:
    if row is None or (row["status"] is None and bytes(row["fingerprint"]) == ticket.fingerprint):
        raise Conflict(_("A request with this Idempotency-Key is still under way. Wait for it."), type="in_flight")
    if bytes(row["fingerprint"]) != ticket.fingerprint:
        message = _("This Idempotency-Key was used for another request.")
        raise Invalid(message, type="idempotency_key_reused", fields={HEADER: [message]})
    if row["status"] == STREAMED:
        raise Conflict(
            _("This request was answered as a stream already. Read its conversation."), type="already_streamed"
        )
    response = HttpResponse(decrypt(row["body"]) if row["body"] else b"", status=row["status"])
    if row["content_type"]:
        response.headers["Content-Type"] = row["content_type"]
    response.headers[REPLAYED] = "true"
    return response


def _ending(ticket: Ticket, response: HttpResponseBase) -> tuple[str, dict[str, Any]]:
    if response.status_code >= 500 or response.status_code in PASSING:
        return "forget_request", {"id": ticket.id}
    content = b"" if response.streaming else cast(HttpResponse, response).content
    is_text = response.headers.get("Content-Type", "text/").startswith(("application/json", "text/"))
    is_kept = not response.streaming and is_text and len(content) <= LARGEST_KEPT
    return "finish_request", {
        "id": ticket.id,
        "status": response.status_code if is_kept else STREAMED,
        "content_type": response.headers.get("Content-Type", "")[:100],
        "body": encrypt(content.decode()) if is_kept and content else "",
    }


def _rows(name: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(SQL[name], parameters)
        columns = [column[0] for column in cast(Any, cursor.description)]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
