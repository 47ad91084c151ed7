"""Which pages of other origins may read answers of the API, without a thread hop.

The operators' own console may read everything. Who else may is decided by the app that knows (``apps.conversations.middleware``); it uses
``preflight_for`` and ``allow`` of this module. Credentials are bearer tokens: cookies are never let in, and no answer says ``*``.
"""

from __future__ import annotations

from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from chatsphere.core.origins import is_origin

API = ("/api/", "/v1/")
METHODS = "GET, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-Id, X-Visitor-Token, "
    "X-Workspace"
)
SHOWN_HEADERS = "X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, ETag, Idempotency-Replayed, X-Cache"
REMEMBERED_SECONDS = "7200"
Answer = TypeVar("Answer", bound=HttpResponseBase)


@sync_and_async_middleware
def CorsMiddleware(get_response: Any) -> Any:  # noqa: N802 - named like the classes beside it
    """Let the origins of CORS_ALLOWED_ORIGINS read the whole API; each of its answers varies by origin."""

    async def run_async(request: HttpRequest) -> Any:
        if not request.path_info.startswith(API):
            return await get_response(request)
        return _finished(request, _early(request) or await get_response(request))

    def run(request: HttpRequest) -> Any:
        if not request.path_info.startswith(API):
            return get_response(request)
        return _finished(request, _early(request) or get_response(request))

    return run_async if iscoroutinefunction(get_response) else run


def origin_of(request: HttpRequest) -> str:
    """The origin of the page that asks; empty when it is no page, or none that has an origin."""
    origin = request.headers.get("Origin", "")
    return origin if is_origin(origin) else ""


def preflight_for(request: HttpRequest, methods: str = METHODS) -> HttpResponse | None:
    """The answer to a browser that asks beforehand, else None. It promises nothing: the browser looks at the real answer, too."""
    origin = origin_of(request)
    if not origin or request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    response = HttpResponse(status=204)
    response.headers["Access-Control-Allow-Methods"] = methods
    response.headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
    response.headers["Access-Control-Max-Age"] = REMEMBERED_SECONDS
    return allow(response, origin)


def allow(response: Answer, origin: str) -> Answer:
    """Let pages of this origin read the answer."""
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = SHOWN_HEADERS
    return response


def _early(request: HttpRequest) -> HttpResponse | None:
    return preflight_for(request) if is_console(origin_of(request)) else None


def _finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    origin = origin_of(request)
    if is_console(origin):
        allow(response, origin)
    patch_vary_headers(response, ("Origin",))
    return response


def is_console(origin: str) -> bool:
    """Whether this is one of CORS_ALLOWED_ORIGINS."""
    return bool(origin) and origin.lower() in {one.lower() for one in settings.CORS_ALLOWED_ORIGINS}
