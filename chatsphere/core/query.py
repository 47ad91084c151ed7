"""What stands in the query string: filters by allow-list, ``?fields=`` for sparse answers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from chatsphere.core.exceptions import Invalid
from chatsphere.core.quick_fields import QuickFields, Step, shared_plan

FIELDS = OpenApiParameter(
    "fields", str, description="Only these fields, separated by commas: `?fields=id,name`.", required=False
)


def read_filters(request: Request, kind: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """The filters that a request gives, validated by a serializer whose fields are all optional. Raises Invalid (422)."""
    known = kind().get_fields()
    given = {name: request.query_params[name] for name in known if name in request.query_params}
    filters = kind(data=given)
    filters.is_valid(raise_exception=True)
    return dict(filters.validated_data)


class SparseFields(QuickFields, serializers.Serializer[Any]):
    """A representation that shows only what ``?fields=`` names; unknown names are 422. Needs the request in its context."""

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {name: fields[name] for name in self._chosen(fields)}

    @cached_property
    def _plan(self) -> list[Step]:
        plan = shared_plan(type(self)) if type(self).get_fields is SparseFields.get_fields else None
        return super()._plan if plan is None else [plan[name] for name in self._chosen(plan)]

    def _chosen(self, names: Iterable[str]) -> list[str]:
        request = self.context.get("request")
        raw = request.query_params.get("fields") if isinstance(request, Request) else None
        known = list(names)
        if raw is None:
            return known
        wanted = [name.strip() for name in raw.split(",")]
        unknown = sorted({name for name in wanted if name not in known})
        if unknown:
            raise Invalid(fields={"fields": [_("Choose from: %(names)s.") % {"names": ", ".join(known)}]})
        return [name for name in known if name in wanted]
