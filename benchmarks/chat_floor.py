"""The floor under bench-chat: a bare Django ASGI relay that passes a model's stream through, without retrieval, database or accounts."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import httpx2
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path

settings.configure(SECRET_KEY="floor", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[])

clients: list[httpx2.AsyncClient] = []
BODY = {"model": "stub", "stream": True, "messages": [{"role": "user", "content": "hello"}]}


async def relay(_request: HttpRequest) -> StreamingHttpResponse:
    """Whatever the model says, as it comes."""
    if not clients:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        clients.append(httpx2.AsyncClient(timeout=60, limits=limits))
    return StreamingHttpResponse(pieces(), content_type="text/event-stream")


async def pieces() -> AsyncIterator[bytes]:
    async with clients[0].stream("POST", f"{os.environ['OPENAI_BASE_URL']}/chat/completions", json=BODY) as response:
        async for piece in response.aiter_raw():
            yield piece


urlpatterns = [path("chat", relay)]
application = get_asgi_application()
