"""Errors of async views and of views without DRF, in the one shape."""

from __future__ import annotations

from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import is_valid_path
from django.utils.translation import gettext as _

from chatsphere.core.exceptions import (
    OPENAI_PATHS,
    ApiError,
    Forbidden,
    Malformed,
    NotFound,
    answer_to,
    envelope,
    headers,
    openai_envelope,
    openai_status,
)


def error_response(error: ApiError, path: str = "") -> JsonResponse:
    """An error as an HTTP answer; below ``/v1/`` in the shape that OpenAI's clients read."""
    if path.startswith(OPENAI_PATHS):
        return JsonResponse(openai_envelope(error), status=openai_status(error), headers=headers(error))
    return JsonResponse(envelope(error), status=error.status, headers=headers(error))


class ErrorMiddleware:
    """Django calls ``process_exception`` for what a view lets out."""

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
        return error_response(answer_to(exception, f"{request.method} {request.path}"), request.path_info)


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """handler404: a path that nothing answers."""
    with_slash = f"{request.path_info}/"
    if not request.path_info.endswith("/") and is_valid_path(with_slash):
        return error_response(NotFound(_("Paths end with a slash: %(path)s") % {"path": with_slash}), request.path_info)
    return error_response(NotFound(), request.path_info)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """handler403."""
    return error_response(Forbidden(), request.path_info)


def server_error(request: HttpRequest) -> JsonResponse:
    """handler500."""
    return error_response(ApiError(), request.path_info)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """handler400: a forbidden host, a broken upload."""
    return error_response(Malformed(), request.path_info)
