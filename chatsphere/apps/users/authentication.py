"""DRF's door to authentication."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from chatsphere.apps.users import audit
from chatsphere.apps.users.credentials import authenticate
from chatsphere.core.addresses import client_address
from chatsphere.core.exceptions import Unauthenticated
from chatsphere.core.principal import Principal, checked_already
from chatsphere.core.throttling import admit, charges_for


class BearerAuthentication(BaseAuthentication):
    """``request.user`` becomes the Principal; None without a credential. A bad one is 401, also where nobody is asked for one."""

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        try:
            principal = checked_already(request._request) or authenticate(
                request.headers.get("Authorization"),
                workspace=request.headers.get("X-Workspace") or None,
                visitor_token=request.headers.get("X-Visitor-Token"),
            )
        except Unauthenticated:  # whoever tries credentials is counted by address
            admit(request._request, charges_for(request, None))
            raise
        audit.remember(principal, client_address(request))
        return None if principal is None else (principal, None)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document speaks of it."""

    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A person's access token, a secret API key `cs_sk_…` or a publishable key `cs_pk_…`.",
        }
