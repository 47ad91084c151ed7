"""Sessions and messages for the operators' admin; every other request passes by untouched.

The admin guards its own forms against CSRF; the API takes bearer tokens only, which a browser never sends by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

PREFIX = "/admin/"


class _AdminOnly(MiddlewareMixin):
    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if request.path_info.startswith(PREFIX):
            return super().__call__(request)
        return self.get_response(request)


class SessionMiddleware(_AdminOnly, sessions.SessionMiddleware):
    """Sessions of operators."""


class AuthenticationMiddleware(_AdminOnly, auth.AuthenticationMiddleware):
    """``request.user`` of operators."""


class MessageMiddleware(_AdminOnly, messages.MessageMiddleware):
    """One-time notices of the admin."""
