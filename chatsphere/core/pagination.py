"""Lists: ``{"next", "previous", "results"}`` with a cursor, ``?limit=`` 1 to 100, ``?ordering=`` from the view's list.

A page begins behind a row, not at a number: the cursor holds that row's value of the ordering field and its id, so that rows which come
or go meanwhile never shift a page, and any number of equal values is walked through exactly. A cursor belongs to its ordering.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Field, Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from chatsphere.core.exceptions import Invalid

Direction = Literal["next", "previous"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Rows behind (or before) the row with this value and id, in this ordering."""

    ordering: str
    direction: Direction
    value: Any
    id: UUID


class CursorPagination(BasePagination):
    """Newest first by default: ids are UUIDv7, so ``-id`` is ``-created_at`` without ties. Costs one query a page.

    A view names ``ordering_fields`` (columns that are never NULL) and may name its own ``ordering``.
    """

    page_size = 20
    max_page_size = 100
    default_ordering = "-id"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.url = request.build_absolute_uri()
        self.fields = request.query_params.get("fields")
        self.limit = self._limit(request)
        self.ordering = self._ordering(request, view)
        self.field = _column(queryset, self.ordering)
        self.cursor = self._cursor(request)
        backwards = self.cursor is not None and self.cursor.direction == "previous"
        descending = self.ordering.startswith("-") != backwards
        rows = queryset.order_by(*_order(self.field.name, descending=descending))
        if self.cursor is not None:
            rows = rows.filter(_behind(self.field.name, self.cursor, descending=descending))
        found = list(rows[: self.limit + 1])
        self.page = found[: self.limit]
        self.has_more = len(found) > self.limit
        if backwards:
            self.page.reverse()
        return self.page

    def get_paginated_response(self, data: Any) -> Response:
        rows = data if self.fields is None else _sparse(data, self.fields)
        return Response({"next": self._link("next"), "previous": self._link("previous"), "results": rows})

    def _link(self, direction: Direction) -> str | None:
        came_from = self.cursor is not None and self.cursor.direction != direction
        onwards = self.has_more and (self.cursor.direction if self.cursor else "next") == direction
        if not self.page or not (came_from or onwards):
            # An empty page behind a cursor leads back to the first one.
            start = remove_query_param(self.url, "cursor")
            return start if self.cursor and came_from and not self.page else None
        row = self.page[-1] if direction == "next" else self.page[0]
        return replace_query_param(self.url, "cursor", _encode(self.ordering, direction, self.field, row))

    def _limit(self, request: Request) -> int:
        raw = request.query_params.get("limit")
        if raw is None:
            return self.page_size
        if not (raw.isascii() and raw.isdigit() and len(raw) <= 6 and 1 <= int(raw) <= self.max_page_size):
            raise Invalid(fields={"limit": [_("Give a number between 1 and %(most)s.") % {"most": self.max_page_size}]})
        return int(raw)

    def _ordering(self, request: Request, view: Any) -> str:
        allowed: tuple[str, ...] = tuple(getattr(view, "ordering_fields", ()))
        wanted = request.query_params.get("ordering")
        if wanted is None:
            return str(getattr(view, "ordering", self.default_ordering))
        if wanted.removeprefix("-") not in allowed:
            names = ", ".join(allowed) or "-"
            raise Invalid(fields={"ordering": [_("Order by one of: %(names)s.") % {"names": names}]})
        return wanted

    def _cursor(self, request: Request) -> Cursor | None:
        raw = request.query_params.get("cursor")
        if raw is None:
            return None
        try:
            cursor = _decode(raw, self.field)
        except (ValueError, TypeError, OverflowError, RecursionError, ValidationError) as error:
            raise _bad_cursor() from error
        if cursor.ordering != self.ordering:
            raise _bad_cursor()
        return cursor

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """What drf-spectacular writes into the OpenAPI document."""
        limit = {"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        names = [name for field in getattr(view, "ordering_fields", ()) for name in (field, f"-{field}")]
        ordering = [_parameter("ordering", {"type": "string", "enum": names}, "Field to order by; `-` turns it round.")]
        return [
            _parameter(
                "cursor", {"type": "string"}, "Where the page begins; take whole links from `next` and `previous`."
            ),
            _parameter("limit", limit, "Rows a page."),
            _parameter("fields", {"type": "string"}, "Only these fields, separated by commas: `?fields=id,name`."),
            *(ordering if names else []),
        ]

    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _sparse(rows: Sequence[Mapping[str, Any]], fields: str) -> list[dict[str, Any]]:
    """The rows with the named fields only. An empty page has no fields to hold the names against."""
    wanted = {name.strip() for name in fields.split(",")}
    if rows and not wanted <= rows[0].keys():
        names = ", ".join(rows[0])
        raise Invalid(fields={"fields": [_("Choose from: %(names)s.") % {"names": names}]})
    return [{name: value for name, value in row.items() if name in wanted} for row in rows]


def _column(queryset: QuerySet[Any], ordering: str) -> Field[Any, Any]:
    name = ordering.removeprefix("-")
    field = queryset.model._meta.get_field(name)
    if not isinstance(field, Field):
        raise FieldDoesNotExist(f"lists cannot be ordered by {name}")
    return field


def _order(name: str, *, descending: bool) -> tuple[str, ...]:
    sign = "-" if descending else ""
    return (f"{sign}id",) if name == "id" else (f"{sign}{name}", f"{sign}id")


def _behind(name: str, cursor: Cursor, *, descending: bool) -> Q:
    side = "lt" if descending else "gt"
    if name == "id":
        return Q(**{f"id__{side}": cursor.id})
    # The first condition alone lets PostgreSQL use an index on the column.
    return Q(**{f"{name}__{side}e": cursor.value}) & ~(Q(**{name: cursor.value}) & ~Q(**{f"id__{side}": cursor.id}))


def _encode(ordering: str, direction: Direction, field: Field[Any, Any], row: Any) -> str:
    parts = [ordering, direction, field.value_to_string(row), row.pk.hex]
    return urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(raw: str, field: Field[Any, Any]) -> Cursor:
    padded = raw.encode("ascii") + b"=" * (-len(raw) % 4)
    ordering, direction, value, row_id = json.loads(urlsafe_b64decode(padded))
    if direction not in ("next", "previous") or not (isinstance(value, str) and isinstance(row_id, str)):
        raise ValueError(direction)
    if "\x00" in value:
        raise ValueError(value)
    value.encode()  # lone surrogates
    return Cursor(ordering, direction, _within_bounds(field.to_python(value)), UUID(row_id))


def _within_bounds(value: Any) -> Any:
    """Times in UTC, as PostgreSQL refuses some offsets that Python takes. Raises ValueError for one without a zone, OverflowError."""
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ValueError(value)
    return value.astimezone(UTC)


def _bad_cursor() -> Invalid:
    return Invalid(fields={"cursor": [_("Take this from the `next` or `previous` of the same list and ordering.")]})
