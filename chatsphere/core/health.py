"""``/healthz``: the process answers. ``/readyz``: it can do its work; 503 with the reason when not.

A proxy asks ``/readyz?exclude=database&exclude=redis&exclude=queue``: what all processes share is away for all of them at once, and taking them all
out would turn an outage that is served (reads go on, chat goes on, 503 with Retry-After) into one that is not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiParameter, extend_schema
from redis import RedisError

from chatsphere.core import schema
from chatsphere.core.durable import DurableState, DurableWork, due, kinds_of_work
from chatsphere.core.openapi import documented
from chatsphere.core.redis_clients import probe

DRAIN_MARK = "CHATSPHERE_DRAIN_MARK"  # names the file that appears then
KEEP_SECONDS = 1.0  # anybody may ask, so the answer is kept for a moment
STALLED_AFTER = timedelta(minutes=2)
RETRY_AFTER = "5"  # seconds


@require_safe
async def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """200 as long as the process lives."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every check passes that is not left out; else 503 and what is wrong, by check."""
    checks = _readiness.checks(without=request.GET.getlist("exclude"))
    if is_draining():
        checks |= {"process": "it is about to stop"}
    is_ready = all(outcome == "ok" for outcome in checks.values())
    body = {"status": "ok" if is_ready else "unavailable", "checks": checks}
    return JsonResponse(body) if is_ready else JsonResponse(body, status=503, headers={"Retry-After": RETRY_AFTER})


def is_draining() -> bool:
    """Whether the server was asked to stop and serves on for a while (``WEB_DRAIN_SECONDS``); all its processes see it at once."""
    mark = os.environ.get(DRAIN_MARK)
    return mark is not None and os.path.exists(mark)


class Readiness:
    """The outcome of each check, kept for KEEP_SECONDS; migrations, once good, are not looked at again in this process."""

    def __init__(self) -> None:
        self._outcomes: dict[str, tuple[float, str]] = {}
        self._is_migrated = False

    def checks(self, *, without: Collection[str] = ()) -> dict[str, str]:
        """``ok`` or a reason, by name of the check. What is left out costs nothing: a proxy never waits for a database that is away."""
        return {name: self._outcome(name, check) for name, check in self.all_checks().items() if name not in without}

    def _outcome(self, name: str, check: Callable[[], str]) -> str:
        until, outcome = self._outcomes.get(name, (0.0, ""))
        if time.monotonic() >= until:
            outcome = check() or "ok"
            self._outcomes[name] = time.monotonic() + KEEP_SECONDS, outcome
        return outcome

    def all_checks(self) -> dict[str, Callable[[], str]]:
        """What each check is called, and what answers with a reason or with nothing."""
        return {"database": _database, "migrations": self._migrations, "redis": _redis, "queue": _queue}

    def _migrations(self) -> str:
        if self._is_migrated:
            return ""
        try:
            waiting = schema.waiting(connections[DEFAULT_DB_ALIAS], "before")
            problems = [] if waiting else schema.problems(connections[DEFAULT_DB_ALIAS])
        except Error:
            return "the database does not answer"
        self._is_migrated = not waiting and not problems
        return f"{len(waiting)} migrations are not applied" if waiting else "; ".join(problems)


_readiness = Readiness()


def _database() -> str:
    try:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            is_read_only = cursor.fetchone()[0] == "on"
    except Error:
        return "the database does not answer"
    return "the database takes no writes" if is_read_only else ""


def _redis() -> str:
    return _answers(settings.REDIS_URL, "Redis") or (
        _answers(settings.CACHE_REDIS_URL, "Redis of the cache and limits") if settings.CACHE_REDIS_URL else ""
    )


def _answers(url: str, name: str) -> str:
    try:
        with probe(2, url) as client:
            client.ping()
    except RedisError:
        return f"{name} does not answer"
    return ""


def _queue() -> str:
    try:
        stalled = [model._meta.verbose_name_plural for model in kinds_of_work() if is_stalled(model)]
    except Error:
        return "the database does not answer"
    return f"nobody works on: {', '.join(str(name) for name in stalled)}" if stalled else ""


def is_stalled(model: type[DurableWork]) -> bool:
    """Work has been due for STALLED_AFTER and in that time none of its kind was worked on. A long queue that moves is not stalled."""
    since = timezone.now() - STALLED_AFTER
    waiting = model.objects.filter(due(since))
    if not waiting.exists():
        return False
    moving = Q(state=DurableState.RUNNING, lease_until__gte=timezone.now()) | Q(finished_at__gte=since)
    return not model.objects.filter(moving).exists()


EXCLUDE = OpenApiParameter(
    "exclude",
    str,
    many=True,
    description=(
        f"Checks to leave out, of {', '.join(f'`{name}`' for name in _readiness.all_checks())}; any other name leaves nothing out. A proxy "
        "leaves out `database`, `redis` and `queue`: they are the same for all processes."
    ),
)


def _probe(operation_id: str, description: str) -> Callable[[Any], Any]:
    outcome: dict[str, Any] = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}
    checks = {"type": "object", "additionalProperties": {"type": "string"}}
    detailed = {**outcome, "properties": {**outcome["properties"], "checks": checks}}
    responses = {200: detailed, 503: detailed} if operation_id == "readyz" else {200: outcome}
    parameters = [EXCLUDE] if operation_id == "readyz" else []
    return extend_schema(
        operation_id=operation_id,
        description=description,
        tags=["operations"],
        responses=responses,
        parameters=parameters,
    )


documented(healthz, "GET", _probe("healthz", "The process answers."))
documented(readyz, "GET", _probe("readyz", "The process can do its work; 503 with the reason when not."))
