"""Async views without DRF: the same credentials, rights, limits, errors and documentation as its views, at a fraction of the cost.

    @async_view("POST", authenticate=authenticate_async, scope="chat", role="viewer", schema=extend_schema(...))
    async def chat(request: HttpRequest, principal: Principal, chatbot_id: UUID) -> HttpResponseBase: ...

``schema`` is drf-spectacular's own decorator: the view stands in the OpenAPI document like any other.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Protocol

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.views import APIView

from chatsphere.core.exceptions import ApiError, MethodNotAllowed, Unauthenticated, UnsupportedMedia, as_api_error
from chatsphere.core.middleware.errors import error_response
from chatsphere.core.parsers import parse_json
from chatsphere.core.permissions import require
from chatsphere.core.principal import Principal, checked_already
from chatsphere.core.throttling import admit_async, charges_for

logger = logging.getLogger("chatsphere.errors")
View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]
ErrorAnswer = Callable[[ApiError], HttpResponseBase]


class Authenticate(Protocol):
    """``apps.users.credentials.authenticate_async``."""

    def __call__(
        self, authorization: str | None, *, workspace: str | None = None, visitor_token: str | None = None
    ) -> Awaitable[Principal | None]: ...


def async_view(
    method: str,
    *,
    authenticate: Authenticate,
    scope: str,
    role: str,
    schema: Callable[[Any], Any],
    rate: str = "default",
    answer_error: ErrorAnswer = error_response,
) -> Callable[[View], View]:
    """Makes a view of a coroutine for one method. The principal is checked, charged to ``rate`` and passed in; errors become answers
    by ``answer_error``."""

    def decorate(view: View) -> View:
        @wraps(view)
        async def run(request: HttpRequest, /, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                principal = await _identify(request, method, authenticate)
                require(principal, scope=scope, role=role)
                await admit_async(request, charges_for(request, principal, rate))
                return await view(request, principal, *args, **kwargs)
            except Exception as exception:  # noqa: BLE001 - the one place that turns any error into an answer
                return _failed(request, exception, answer_error)

        run.cls = _documentation(view.__name__, method, schema)  # type: ignore[attr-defined]  # where drf-spectacular looks
        run.initkwargs = {}  # type: ignore[attr-defined]
        return run

    return decorate


async def _identify(request: HttpRequest, method: str, authenticate: Authenticate) -> Principal:
    if request.method != method:
        raise MethodNotAllowed(allowed=method)
    try:
        principal = checked_already(request) or await authenticate(
            request.headers.get("Authorization"),
            workspace=request.headers.get("X-Workspace"),
            visitor_token=request.headers.get("X-Visitor-Token"),
        )
        if principal is None:
            raise Unauthenticated
    except Unauthenticated:  # whoever tries credentials is counted by address
        await admit_async(request, charges_for(request, None))
        raise
    request.user = principal  # type: ignore[assignment]  # as DRF's views do
    return principal


def _failed(request: HttpRequest, exception: Exception, answer_error: ErrorAnswer) -> HttpResponseBase:
    error = as_api_error(exception)
    if error is None:
        logger.exception("Unhandled error at %s %s", request.method, request.path, exc_info=exception)
        error = ApiError()
    return answer_error(error)


def _documentation(name: str, method: str, schema: Callable[[Any], Any]) -> type[APIView]:
    def operation(self: APIView, request: Any, *args: Any, **kwargs: Any) -> None:
        """Only described here; the coroutine answers."""

    return type(name, (APIView,), {method.lower(): schema(operation)})


def read_body(request: HttpRequest, kind: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """The validated JSON body; no body at all is an empty object. Raises Malformed, TooLarge, UnsupportedMedia or DRF's ValidationError."""
    if not request.content_type and not request.body:
        body = kind(data={})
    else:
        require_json(request)
        body = kind(data=parse_json(request.body))
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def require_json(request: HttpRequest) -> None:
    """Raises UnsupportedMedia for a body that does not call itself JSON."""
    if request.content_type != "application/json":
        raise UnsupportedMedia(_("Send JSON with `Content-Type: application/json`."))


def json_response(value: Any, *, status: int = 200) -> HttpResponse:
    """Any value that orjson writes (UUIDs and times included)."""
    return HttpResponse(orjson.dumps(value), content_type="application/json", status=status)
