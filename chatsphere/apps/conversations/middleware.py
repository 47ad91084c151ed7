"""Answers to a publishable key may be read by the pages that its chatbot allows, and by no other; that a key is no good, by any."""

from __future__ import annotations

import re
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from chatsphere.apps.conversations.origins import may_read, may_read_async
from chatsphere.core.middleware.cors import allow, origin_of, preflight_for
from chatsphere.core.principal import Principal, PrincipalKind

PATHS = re.compile(
    r"/api/v1/chatbots/[^/]+/(chat|search|mcp)/|/api/v1/messages/[^/]+/(events|cancel|regenerate|feedback)/"
    r"|/api/v1/conversations/[^/]+/((events|messages|handoff)/)?|/v1/chat/completions"
)


@sync_and_async_middleware
def PageMiddleware(get_response: Any) -> Any:  # noqa: N802 - named like the others
    """A preflight does not carry the key, so any page may ask beforehand; the real answer names its origin or does not."""

    async def run_async(request: HttpRequest) -> Any:
        if not _is_for_pages(request):
            return await get_response(request)
        response: HttpResponseBase = preflight_for(request, "GET, POST") or await get_response(request)
        page, origin = _page(request), origin_of(request)
        if _is_unknown(request, response) or (page and await may_read_async(page, origin)):
            return allow(response, origin)
        return response

    def run(request: HttpRequest) -> Any:
        if not _is_for_pages(request):
            return get_response(request)
        response: HttpResponseBase = preflight_for(request, "GET, POST") or get_response(request)
        page, origin = _page(request), origin_of(request)
        if _is_unknown(request, response) or (page and may_read(page, origin)):
            return allow(response, origin)
        return response

    return run_async if iscoroutinefunction(get_response) else run


def _is_for_pages(request: HttpRequest) -> bool:
    return bool(origin_of(request)) and PATHS.fullmatch(request.path_info) is not None


def _is_unknown(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whoever sent a bad key, or none, learns that from any page: the answer holds nothing of anybody."""
    return response.status_code in (401, 429) and not isinstance(getattr(request, "user", None), Principal)


def _page(request: HttpRequest) -> Principal | None:
    """The publishable key that the view, or the middleware behind this one, has checked."""
    user: Any = getattr(request, "user", None)
    return user if isinstance(user, Principal) and user.kind is PrincipalKind.PUBLISHABLE_KEY else None
