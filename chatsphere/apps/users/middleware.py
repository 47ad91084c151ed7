"""Repeated POSTs: finds out who asks and hands over to ``core.idempotency``. Requests without the header pass by untouched."""

from __future__ import annotations

import hashlib
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from chatsphere.apps.users.credentials import authenticate, authenticate_async
from chatsphere.core import idempotency
from chatsphere.core.addresses import client_address
from chatsphere.core.exceptions import ApiError, as_api_error
from chatsphere.core.middleware.errors import error_response
from chatsphere.core.principal import Principal, PrincipalKind
from chatsphere.core.throttling import admit, admit_async, charges_for

REFUSALS = (ApiError, RequestDataTooBig)


@sync_and_async_middleware
def IdempotencyMiddleware(get_response: Any) -> Any:  # noqa: N802 - named like the classes beside it
    """The credential is checked before an earlier answer is shown; the view checks it again, as always."""

    async def run_async(request: HttpRequest) -> Any:
        return await (_once_async(request, get_response) if _is_asked_for(request) else get_response(request))

    def run(request: HttpRequest) -> Any:
        return _once(request, get_response) if _is_asked_for(request) else get_response(request)

    return run_async if iscoroutinefunction(get_response) else run


async def _once_async(request: HttpRequest, get_response: Any) -> HttpResponseBase:
    try:
        ticket, earlier = await _begun_async(request)
    except REFUSALS as error:
        return _refused(error)
    if earlier is not None:
        return earlier
    try:
        response: HttpResponseBase = await get_response(request)
    except BaseException:  # also a client that went away: the work did not end
        await idempotency.forget_async(ticket)
        raise
    await idempotency.finish_async(ticket, response)
    return response


def _once(request: HttpRequest, get_response: Any) -> HttpResponseBase:
    try:
        ticket, earlier = _begun(request)
    except REFUSALS as error:
        return _refused(error)
    if earlier is not None:
        return earlier
    try:
        response: HttpResponseBase = get_response(request)
    except BaseException:
        idempotency.forget(ticket)
        raise
    idempotency.finish(ticket, response)
    return response


async def _begun_async(request: HttpRequest) -> tuple[idempotency.Ticket, HttpResponseBase | None]:
    """The ticket, and the earlier answer if there is one. What ends here is counted here; the rest is counted by its view."""
    principal = None
    try:
        principal = _noted(request, await authenticate_async(**_credential(request)))
        ticket = idempotency.ticket_for(request, _owner(request, principal))
        earlier = await idempotency.begin_async(ticket)
    except REFUSALS:
        await admit_async(request, charges_for(request, principal))
        raise
    if earlier is not None:
        await admit_async(request, charges_for(request, principal))
    return ticket, earlier


def _begun(request: HttpRequest) -> tuple[idempotency.Ticket, HttpResponseBase | None]:
    principal = None
    try:
        principal = _noted(request, authenticate(**_credential(request)))
        ticket = idempotency.ticket_for(request, _owner(request, principal))
        earlier = idempotency.begin(ticket)
    except REFUSALS:
        admit(request, charges_for(request, principal))
        raise
    if earlier is not None:
        admit(request, charges_for(request, principal))
    return ticket, earlier


def _refused(error: Exception) -> HttpResponseBase:
    return error_response(as_api_error(error) or ApiError())


def _is_asked_for(request: HttpRequest) -> bool:
    return request.method == "POST" and idempotency.HEADER in request.headers and not request.path.startswith("/admin/")


def _noted(request: HttpRequest, principal: Principal | None) -> Principal | None:
    """Repeated answers, too, tell the middleware around this one who asked."""
    if principal is not None:
        request.user = principal  # type: ignore[assignment]  # as views do
    return principal


def _credential(request: HttpRequest) -> dict[str, Any]:
    return {
        "authorization": request.headers.get("Authorization"),
        "workspace": request.headers.get("X-Workspace") or None,
        "visitor_token": request.headers.get("X-Visitor-Token"),
    }


def _owner(request: HttpRequest, principal: Principal | None) -> str:
    if principal is None:  # strangers behind one address: what one of them did elsewhere is nothing to the others
        route = hashlib.sha256(request.path.encode()).hexdigest()
        return f"address:{client_address(request)}:{route[:32]}"
    if principal.visitor is not None:
        visitor = hashlib.sha256(f"{principal.visitor.chatbot_id}:{principal.visitor.external_id}".encode()).hexdigest()
        return f"{principal.kind.value}:{principal.pk.hex}:{visitor[:32]}"
    if principal.kind is PrincipalKind.PUBLISHABLE_KEY:  # all visitors of a page share it
        return f"{principal.kind.value}:{principal.pk.hex}:{client_address(request)}"
    return f"{principal.workspace_id.hex}:{principal.kind.value}:{principal.pk.hex}"
