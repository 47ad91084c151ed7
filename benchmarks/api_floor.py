"""The least that a list endpoint can cost with Django: an async view without credential and limits that reads 20 rows and writes them."""

from __future__ import annotations

import os
from typing import Any

import django
import orjson
from django.conf import settings

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="benchmark", DATABASES={}, MIDDLEWARE=[])
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402 - needs the settings
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from psycopg.rows import dict_row  # noqa: E402
from psycopg_pool import AsyncConnectionPool  # noqa: E402

_pools: list[Any] = []


async def _pool() -> Any:
    if not _pools:
        options = {"row_factory": dict_row}
        pool = AsyncConnectionPool(os.environ["DATABASE_URL"], kwargs=options, min_size=1, max_size=8, open=False)
        await pool.open()
        _pools.append(pool)
    return _pools[0]


async def listed(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    async with (await _pool()).connection() as connection:
        rows = await (
            await connection.execute(
                "SELECT id, name, slug, is_active, configuration, created_at, updated_at FROM chatbots_chatbot ORDER BY id DESC LIMIT 20"
            )
        ).fetchall()
    return HttpResponse(
        orjson.dumps({"next": None, "previous": None, "results": rows}), content_type="application/json"
    )


async def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    return HttpResponse("ok")


urlpatterns = [path("chatbots/", listed), path("healthz", healthz)]
application = get_asgi_application()
