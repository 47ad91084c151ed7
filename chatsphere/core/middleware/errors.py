"""Errors of async views and of views without DRF, in the one shape."""

from __future__ import annotations

from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import is_valid_path
from django.utils.translation import gettext as _

from chatsphere.core.exceptions import ApiError, Forbidden, Malformed, NotFound, answer_to, envelope, headers


def error_response(error: ApiError) -> JsonResponse:
    """An error as an HTTP answer."""
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
        return error_response(answer_to(exception, f"{request.method} {request.path}"))


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """handler404: a path that nothing answers."""
    with_slash = f"{request.path_info}/"
    if not request.path_info.endswith("/") and is_valid_path(with_slash):
        return error_response(NotFound(_("Paths end with a slash: %(path)s") % {"path": with_slash}))
    return error_response(NotFound())


def forbidden(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """handler403."""
    return error_response(Forbidden())


def server_error(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """handler500."""
    return error_response(ApiError())


def bad_request(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """handler400: a forbidden host, a broken upload."""
    return error_response(Malformed())
