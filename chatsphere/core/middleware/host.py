"""Requests for hosts that are not ours are refused before any view runs; probes may come by address."""

from __future__ import annotations

from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from django.utils.translation import gettext as _

from chatsphere.core.exceptions import Malformed
from chatsphere.core.middleware.errors import error_response

PROBES = ("/healthz", "/readyz", "/metrics")


@sync_and_async_middleware
def HostMiddleware(get_response: Any) -> Any:  # noqa: N802 - named like the classes beside it
    """400 for a Host header that ALLOWED_HOSTS does not name."""

    async def run_async(request: HttpRequest) -> HttpResponseBase:
        refused = _refusal(request)
        return refused if refused is not None else await get_response(request)

    def run(request: HttpRequest) -> HttpResponseBase:
        refused = _refusal(request)
        return refused if refused is not None else get_response(request)

    return run_async if iscoroutinefunction(get_response) else run


def _refusal(request: HttpRequest) -> HttpResponseBase | None:
    if request.path_info in PROBES:
        return None
    try:
        request.get_host()
    except DisallowedHost:
        return error_response(
            Malformed(_("This host is not served here. Operators: add it to ALLOWED_HOSTS."), type="unknown_host")
        )
    return None
