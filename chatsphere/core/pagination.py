"""Lists: ``{"next", "previous", "results"}`` with a cursor, ``?limit=`` 1 to 100."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import pagination
from rest_framework.request import Request

from chatsphere.core.exceptions import Invalid


class CursorPagination(pagination.CursorPagination):
    """Newest first by default. Ids are UUIDv7, so ``-id`` is ``-created_at`` without ties; ``?ordering=`` takes the view's list."""

    page_size = 20
    max_page_size = 100
    page_size_query_param = "limit"
    ordering = "-id"
    cursor_query_description = "Where the page begins; taken from `next` or `previous`."

    def get_page_size(self, request: Request) -> int | None:
        raw = request.query_params.get("limit")
        if raw is None:
            return self.page_size
        if not raw.isascii() or not raw.isdigit() or not 1 <= int(raw[:6]) <= self.max_page_size:
            raise Invalid(fields={"limit": [_("Give a number between 1 and %(most)s.") % {"most": self.max_page_size}]})
        return int(raw)

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        allowed: tuple[str, ...] = tuple(getattr(view, "ordering_fields", ()))
        wanted = request.query_params.get("ordering")
        if wanted is None:
            return _with_tie_breaker(getattr(view, "ordering", self.ordering))
        if wanted.lstrip("-") not in allowed:
            raise Invalid(
                fields={"ordering": [_("Order by one of: %(names)s.") % {"names": ", ".join(allowed) or "-"}]}
            )
        return _with_tie_breaker(wanted)


def _with_tie_breaker(name: str) -> tuple[str, ...]:
    if name in ("id", "-id"):
        return (name,)
    return (name, "-id" if name.startswith("-") else "id")
