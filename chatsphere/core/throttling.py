"""Rate limits: one atomic script in Redis, the same for DRF and for async views.

In a Redis Cluster the limits of a request lie on several servers, because a person's limit is one over all workspaces and a visitor's one over
all keys. They are charged one after the other then, and taken back when a later one has no room: still all or none.

When Redis is away, chat keeps a limiter inside the process and everything else is let through, counted in ``uncounted`` and logged.
Sign-in and password reset do not stand here: their limits live in PostgreSQL (``apps.users.attempts``).
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Generator, Sequence
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from redis.exceptions import NoScriptError, RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from chatsphere.core import metrics
from chatsphere.core.addresses import client_address, limited_as
from chatsphere.core.exceptions import Throttled
from chatsphere.core.principal import Principal
from chatsphere.core.rates import Charge, RateDecision, decide, rate
from chatsphere.core.redis_clients import async_cache_client, is_cache_spread, sync_cache_client

logger = logging.getLogger("chatsphere.limits")
uncounted: Counter[str] = Counter()
LOCAL_RATES = frozenset({"ask", "visitor", "visitor_address", "visitor_reads"})


class _Absence:
    """Redis did not answer a moment ago: do not let every request wait for it again."""

    SECONDS = 1.0

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def is_on(self) -> bool:
        return time.monotonic() < self._until

    def begin(self, error: Exception) -> None:
        if not self.is_on:
            logger.warning("Redis does not answer; chat is limited in this process, other routes are open: %s", error)
        self._until = time.monotonic() + self.SECONDS


class LocalLimiter:
    """The same algorithm in this process, for at most ``capacity`` subjects; the ones unseen for longest are forgotten first."""

    def __init__(self, capacity: int = 50_000) -> None:
        self._free_at: OrderedDict[str, int] = OrderedDict()
        self._capacity = capacity
        self._lock = Lock()

    def answers(self, charges: Sequence[Charge]) -> list[int]:
        """What the script in Redis would answer."""
        now = time.monotonic_ns() // 1000
        with self._lock:
            found = [max(self._free_at.get(charge.redis_key, now), now) for charge in charges]
            waits = [
                free_at + one.rate.step - one.rate.window - now for one, free_at in zip(charges, found, strict=True)
            ]
            if max(waits) <= 0:
                found = [free_at + one.rate.step for one, free_at in zip(charges, found, strict=True)]
                self._remember(charges, found)
        rows = zip(waits, found, strict=True)
        return [figure for wait, free_at in rows for figure in (int(wait <= 0), free_at - now, max(0, wait))]

    def _remember(self, charges: Sequence[Charge], arrivals: Sequence[int]) -> None:
        for charge, free_at in zip(charges, arrivals, strict=True):
            self._free_at[charge.redis_key] = free_at
            self._free_at.move_to_end(charge.redis_key)
        while len(self._free_at) > self._capacity:
            self._free_at.popitem(last=False)


_absence = _Absence()
_local = LocalLimiter()


def check_rate(charges: Sequence[Charge]) -> RateDecision:
    """Charge one request against all these limits, or none of them when one has no room. One round trip to Redis, in a cluster one a limit."""
    if not settings.RATE_LIMITS_ENABLED:
        return _open(charges)
    if not _absence.is_on:
        try:
            return _ask(charges)
        except (RedisError, OSError) as error:
            _absence.begin(error)
    return _without_redis(charges)


async def check_rate_async(charges: Sequence[Charge]) -> RateDecision:
    """The same for async views."""
    if not settings.RATE_LIMITS_ENABLED:
        return _open(charges)
    if not _absence.is_on:
        try:
            return await _ask_async(charges)
        except (RedisError, OSError) as error:
            _absence.begin(error)
    return _without_redis(charges)


def admit(request: HttpRequest, charges: Sequence[Charge]) -> None:
    """Let the request pass or raise Throttled; the headers are set by ``core.middleware.rate_headers``."""
    _enforce(request, check_rate(charges))


async def admit_async(request: HttpRequest, charges: Sequence[Charge]) -> None:
    """The same for async views: ``await admit_async(request, charges_for(request, principal, "ask"))``."""
    _enforce(request, await check_rate_async(charges))


def charges_for(
    request: Any, principal: Principal | None, name: str = "default", *, visitor: str | None = None
) -> list[Charge]:
    """The limits of a request: of its key, or of its person over all their workspaces, else of its address; ``visitor`` (unique in the workspace) adds the visitor's."""
    if principal is None:
        return [Charge(rate("anonymous"), f"address:{limited_as(client_address(request))}")]
    charges = [Charge(rate(name), f"{principal.kind}:{principal.pk.hex}")]
    if visitor is not None:
        charges.append(Charge(rate("visitor"), f"{principal.workspace_id.hex}:{visitor}"))
    return charges


class RateThrottle(BaseThrottle):
    """DRF's door. A view names its rate in ``rate_name``; without one it is ``default``."""

    def allow_request(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        principal = user if isinstance(user, Principal) else None
        admit(request._request, charges_for(request, principal, getattr(view, "rate_name", "default")))
        return True


def _enforce(request: HttpRequest, decision: RateDecision) -> None:
    request.rate_decision = decision  # type: ignore[attr-defined]  # read by the middleware that sets the headers
    if not decision.is_allowed:
        metrics.limited.labels(decision.rate.name).inc()
        raise Throttled(retry_after=max(1.0, decision.retry_after))


def _without_redis(charges: Sequence[Charge]) -> RateDecision:
    local = [charge for charge in charges if charge.rate.name in LOCAL_RATES]
    if local:
        return decide(local, _local.answers(local))
    uncounted.update(charge.rate.name for charge in charges)
    return _open(charges)


def _open(charges: Sequence[Charge]) -> RateDecision:
    first = charges[0].rate
    return RateDecision(is_allowed=True, rate=first, remaining=first.limit, reset_after=0.0, is_counted=False)


def _request(charges: Sequence[Charge], sign: int) -> tuple[Any, ...]:
    """What the script is asked; with the sign -1 it takes back what it has charged, for which there is always room."""
    keys = [charge.redis_key for charge in charges]
    figures = [figure for charge in charges for figure in (sign * charge.rate.step, charge.rate.window)]
    return (len(keys), *keys, *figures)


def _asking(charges: Sequence[Charge]) -> Generator[tuple[Any, ...], list[int], RateDecision]:
    """Yields what the script is to be asked and takes its answers."""
    if not is_cache_spread():
        return decide(charges, (yield _request(charges, 1)))
    answers: list[int] = []
    for number, charge in enumerate(charges):
        answer = yield _request([charge], 1)
        answers += answer
        if not answer[0]:
            for earlier in charges[:number]:
                yield _request([earlier], -1)
            return decide(charges[: number + 1], answers)
    return decide(charges, answers)


@cache
def _script() -> tuple[str, str]:
    """The script and the name under which Redis remembers it."""
    source = files("chatsphere.core").joinpath("gcra.lua").read_text(encoding="utf-8")
    return source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


def _ask(charges: Sequence[Charge]) -> RateDecision:
    client: Any = sync_cache_client()
    asking = _asking(charges)
    try:
        request = next(asking)
        while True:
            request = asking.send(_answer(client, request))
    except StopIteration as end:
        decision: RateDecision = end.value
        return decision


def _answer(client: Any, request: tuple[Any, ...]) -> list[int]:
    source, digest = _script()
    try:
        answer: list[int] = client.evalsha(digest, *request)
    except NoScriptError:
        answer = client.eval(source, *request)
    return answer


async def _ask_async(charges: Sequence[Charge]) -> RateDecision:
    client: Any = async_cache_client()
    asking = _asking(charges)
    try:
        request = next(asking)
        while True:
            request = asking.send(await _answer_async(client, request))
    except StopIteration as end:
        decision: RateDecision = end.value
        return decision


async def _answer_async(client: Any, request: tuple[Any, ...]) -> list[int]:
    source, digest = _script()
    try:
        answer: list[int] = await client.evalsha(digest, *request)
    except NoScriptError:
        answer = await client.eval(source, *request)
    return answer
