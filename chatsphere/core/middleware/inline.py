"""Django's own middleware without a thread hop: what they do is arithmetic on headers, so async requests run it in place."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware import clickjacking, locale, security
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin

from chatsphere.core.compression import chosen, compressed

WORTH_IT = 200  # bytes; shorter answers fit into one packet anyway
PAGES = ("/admin/", "/api/docs/")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


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


class CompressionMiddleware(_Inline):
    """zstd, br or gzip for whole answers. A stream passes as it is: an event that waits in a compressor is an event too late."""

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        if response.streaming or len(response.content) < WORTH_IT or response.has_header("Content-Encoding"):
            return response
        patch_vary_headers(response, ("Accept-Encoding",))
        coding = chosen(request.headers.get("Accept-Encoding", ""))
        short = compressed(response.content, coding) if coding else None
        if coding and short is not None:
            response.content = short
            response.headers["Content-Length"] = str(len(short))
            response.headers["Content-Encoding"] = coding
            _weaken(response)
        return response


def _weaken(response: Any) -> None:
    """A strong ETag promises the same bytes, and these are others."""
    etag = response.headers.get("ETag", "")
    if etag.startswith('"'):
        response.headers["ETag"] = f"W/{etag}"


class ContentSecurityMiddleware(_Inline):
    """Pages for people, which are the admin and the API's documentation, run scripts and styles of this host alone.

    Both draw with inline styles; scripts are files. Nobody frames them, and forms stay here.
    """

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        if request.path_info.startswith(PAGES):
            response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response
