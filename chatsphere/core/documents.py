"""The front page and the OpenAPI document, which is made once a process."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any, cast

import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator


@require_safe
def front_page(request: HttpRequest) -> JsonResponse:
    """Where to go from here."""
    places = {name: request.build_absolute_uri(reverse(name)) for name in ("docs", "schema")}
    return JsonResponse({"name": "ChatSphere", "version": version("chatsphere"), **places})


@require_safe
def openapi_document(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """The OpenAPI document as JSON, which is YAML as well."""
    return HttpResponse(_document_as_json(), content_type="application/json")


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of all routes, in English. Takes about a second the first time."""
    with override("en"):
        generator: Any = SchemaGenerator()  # type: ignore[no-untyped-call]  # it has no types
        return cast(dict[str, Any], generator.get_schema(request=None, public=True))


@cache
def _document_as_json() -> bytes:
    return orjson.dumps(document())
