"""Django's own middleware without a thread hop: what they do is arithmetic on headers, so async requests run it in place."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware import clickjacking, gzip, locale, security
from django.utils.deprecation import MiddlewareMixin


class _Inline(MiddlewareMixin):
    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        early = self.process_request(request) if hasattr(self, "process_request") else None
        response: HttpResponseBase = early or await self.get_response(request)  # type: ignore[misc]
        if hasattr(self, "process_response"):
            response = self.process_response(request, response)
        return response


class SecurityMiddleware(_Inline, security.SecurityMiddleware):
    """Secure headers."""


class LocaleMiddleware(_Inline, locale.LocaleMiddleware):
    """The language of messages, from Accept-Language."""


class XFrameOptionsMiddleware(_Inline, clickjacking.XFrameOptionsMiddleware):
    """Nobody frames the admin."""


class CompressionMiddleware(_Inline, gzip.GZipMiddleware):
    """gzip for whole answers. A stream passes as it is: an event that waits in a compressor is an event too late."""

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        return response if response.streaming else super().process_response(request, response)
