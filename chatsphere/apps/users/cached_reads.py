"""Reads of chatbots, answered from ``core.response_cache`` without a thread hop when nothing has changed since.

The credential is checked and the request counted as ever. What is kept belongs to one credential with one set of rights and one version of the
workspace's catalogue, so nobody sees what was made for another, and nobody reads what they have just changed.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from chatsphere.apps.users.credentials import authenticate, authenticate_async
from chatsphere.core.async_database import DATABASE_AWAY
from chatsphere.core.exceptions import ApiError, Throttled
from chatsphere.core.middleware.errors import error_response
from chatsphere.core.principal import Principal
from chatsphere.core.replicas import stay_with_primary
from chatsphere.core.response_cache import responses
from chatsphere.core.throttling import admit, admit_async, charges_for

HEADER = "X-Cache"
# What they show changes only with the tables whose triggers raise catalog_version: chatbots, their versions, the number of their sources.
CACHED = re.compile(r"/api/v1/chatbots/(?:[0-9a-f-]{36}/(?:versions/)?)?\Z")
# An answer may depend on these headers besides the credential.
VARYING = ("Accept", "Accept-Language", "Host", "X-Forwarded-Host", "X-Forwarded-Proto")
NO_PRINCIPAL = (ApiError, *DATABASE_AWAY)  # the view will meet the same and say it


@sync_and_async_middleware
def CachedReadsMiddleware(get_response: Any) -> Any:  # noqa: N802 - named like the classes beside it
    """``X-Cache: hit`` or ``miss`` on the reads that are kept; every other request passes by untouched."""

    async def run_async(request: HttpRequest) -> Any:
        return await (_read_async(request, get_response) if _may_be_kept(request) else get_response(request))

    def run(request: HttpRequest) -> Any:
        return _read(request, get_response) if _may_be_kept(request) else get_response(request)

    return run_async if iscoroutinefunction(get_response) else run


async def _read_async(request: HttpRequest, get_response: Any) -> HttpResponseBase:
    try:
        principal = await authenticate_async(**_credential(request))
        found = _found(request, principal)
        if principal is not None and found is not None:
            await admit_async(request, charges_for(request, principal))
            return _hit(request, principal, found)
    except Throttled as error:
        return error_response(error)
    except NO_PRINCIPAL:
        principal = None
    return _missed(request, principal, await get_response(_checked(request, principal)))


def _read(request: HttpRequest, get_response: Any) -> HttpResponseBase:
    try:
        principal = authenticate(**_credential(request))
        found = _found(request, principal)
        if principal is not None and found is not None:
            admit(request, charges_for(request, principal))
            return _hit(request, principal, found)
    except Throttled as error:
        return error_response(error)
    except NO_PRINCIPAL:
        principal = None
    return _missed(request, principal, get_response(_checked(request, principal)))


def _may_be_kept(request: HttpRequest) -> bool:
    is_cached = request.method == "GET" and CACHED.match(request.path_info) is not None
    if not is_cached or "X-Visitor-Token" in request.headers:
        return False
    stay_with_primary()
    return True


def _credential(request: HttpRequest) -> dict[str, Any]:
    return {
        "authorization": request.headers.get("Authorization"),
        "workspace": request.headers.get("X-Workspace") or None,
    }


def _key(request: HttpRequest, principal: Principal) -> Hashable:
    return (
        principal.workspace_id,
        principal.catalog_version,
        principal.kind,
        principal.pk,
        principal.role,
        principal.scopes,
        principal.chatbot_ids,
        principal.visitor,
        principal.lacks_second_factor,
        request.scheme,
        request.get_full_path(),
        *(request.headers.get(name) for name in VARYING),
    )


def _found(request: HttpRequest, principal: Principal | None) -> HttpResponseBase | None:
    return None if principal is None else responses.get(_key(request, principal))


def _checked(request: HttpRequest, principal: Principal | None) -> HttpRequest:
    """The view takes the principal from here instead of looking the credential up once more."""
    if principal is not None:
        request.user = principal  # type: ignore[assignment]  # as views do
    return request


def _missed(request: HttpRequest, principal: Principal | None, response: HttpResponseBase) -> HttpResponseBase:
    if principal is not None:
        responses.put(_key(request, principal), response)
        response.headers[HEADER] = "miss"
    return response


def _hit(request: HttpRequest, principal: Principal, response: HttpResponseBase) -> HttpResponseBase:
    _checked(request, principal)
    response.headers[HEADER] = "hit"
    return response
