"""ETag and If-Match: a change that was made on an old reading is refused, not silently lost."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.core.exceptions import PreconditionFailed

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag that you read; 412 when it has changed since."
)


class Dated(Protocol):
    """A row that knows when it was changed last."""

    pk: Any
    updated_at: datetime


def etag_of(row: Dated) -> str:
    """Changes whenever ``updated_at`` does; counts that are only computed for the answer do not matter."""
    return f'"{row.pk.hex}-{int(row.updated_at.timestamp() * 1_000_000):x}"'


def require_match(row: Dated, if_match: str | None) -> None:
    """Raise PreconditionFailed when the header names other readings of the row. Call it with the row locked."""
    if if_match is None:
        return
    # Compression on the way makes a tag weak; it still names the same reading.
    accepted = [tag.removeprefix("W/") for tag in parse_etags(if_match)]
    if "*" not in accepted and etag_of(row) not in accepted:
        raise PreconditionFailed


def if_match_of(request: Request) -> str | None:
    """The client's ``If-Match``; None when it sent none."""
    return request.headers.get("If-Match")


def with_etag(response: Response, row: Dated) -> Response:
    """The same answer, carrying the row's ETag."""
    response.headers["ETag"] = etag_of(row)
    return response
