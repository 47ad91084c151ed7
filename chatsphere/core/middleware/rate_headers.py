"""Answers of limited routes say how much is left."""

from __future__ import annotations

from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def RateHeadersMiddleware(get_response: Any) -> Any:  # noqa: N802 - named like the classes beside it
    """Set ``RateLimit`` and ``RateLimit-Policy`` from the decision that ``core.throttling`` left on the request."""

    async def run_async(request: HttpRequest) -> HttpResponseBase:
        return _with_headers(request, await get_response(request))

    def run(request: HttpRequest) -> HttpResponseBase:
        return _with_headers(request, get_response(request))

    return run_async if iscoroutinefunction(get_response) else run


def _with_headers(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    decision = getattr(request, "rate_decision", None)
    if decision is not None:
        for name, value in decision.headers().items():
            response.headers[name] = value
    return response
