"""How async requests of this app come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chatsphere.apps.users.credentials import authenticate_async
from chatsphere.core.async_views import View, async_view


def door(
    method: str, *, scope: str, schema: Callable[[Any], Any], role: str = "viewer", rate: str = "default"
) -> Callable[[View], View]:
    """An async view for one method; whoever may look at a workspace may also ask its chatbots."""
    return async_view(method, authenticate=authenticate_async, scope=scope, role=role, schema=schema, rate=rate)
