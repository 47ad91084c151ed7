"""Errors of async views and of views without DRF, in the one shape."""

from __future__ import annotations

import logging
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from chatsphere.core.exceptions import ApiError, Malformed, NotFound, as_api_error, envelope, headers

logger = logging.getLogger("chatsphere.errors")


def error_response(error: ApiError) -> JsonResponse:
    """An error as an HTTP answer."""
    return JsonResponse(envelope(error), status=error.status, headers=headers(error))


class ErrorMiddleware:
    """Django calls ``process_exception`` for what a view lets out; bugs are logged here and answered with a plain 500."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        if request.path_info.startswith("/admin/"):
            return None
        error = as_api_error(exception)
        if error is None:
            logger.exception("Unhandled error at %s %s", request.method, request.path, exc_info=exception)
            error = ApiError()
        return error_response(error)


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """handler404: a path that nothing answers."""
    return error_response(NotFound())


def server_error(request: HttpRequest) -> JsonResponse:
    """handler500."""
    return error_response(ApiError())


def bad_request(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """handler400: a forbidden host, a broken upload."""
    return error_response(Malformed())
