"""Every answer carries ``X-Request-Id``."""

from __future__ import annotations

from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from chatsphere.core.context import take_request_id

HEADER = "X-Request-Id"


@sync_and_async_middleware
def RequestIdMiddleware(get_response: Any) -> Any:  # noqa: N802 - named like the classes beside it
    """Echo a well-formed id of the client, else make one; logs and errors know it by ``core.context``."""

    async def run_async(request: HttpRequest) -> HttpResponseBase:
        value = take_request_id(request.headers.get(HEADER))
        response: HttpResponseBase = await get_response(request)
        response.headers[HEADER] = value
        return response

    def run(request: HttpRequest) -> HttpResponseBase:
        value = take_request_id(request.headers.get(HEADER))
        response: HttpResponseBase = get_response(request)
        response.headers[HEADER] = value
        return response

    return run_async if iscoroutinefunction(get_response) else run
