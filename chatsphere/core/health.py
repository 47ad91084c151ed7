"""``/healthz``: the process answers. ``/readyz``: it can do its work; 503 with the reason when not."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from redis import Redis, RedisError


async def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process lives."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every check passes; else 503 and what is wrong, by check."""
    problems = {name: problem for name, check in _CHECKS.items() if (problem := check())}
    checks = {name: problems.get(name, "ok") for name in _CHECKS}
    return JsonResponse(
        {"status": "unavailable" if problems else "ok", "checks": checks}, status=503 if problems else 200
    )


def _database() -> str:
    try:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "the database does not answer"
    return ""


def _migrations() -> str:
    try:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error:
        return "the database does not answer"
    return f"{len(waiting)} migrations are not applied" if waiting else ""


def _redis() -> str:
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            client.ping()
    except RedisError:
        return "Redis does not answer"
    return ""


_CHECKS: dict[str, Callable[[], str]] = {"database": _database, "migrations": _migrations, "redis": _redis}
