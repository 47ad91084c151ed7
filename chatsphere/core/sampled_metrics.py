"""Figures that are looked up when somebody wants them: pools, caches, limits, circuits of this process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connections
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chatsphere.core import async_database, breaker, throttling
from chatsphere.core.memory_cache import COUNTED
from chatsphere.core.metrics import REGISTRY, provider_of


class Sampled(Collector):
    """Asked by the registry."""

    def describe(self) -> list[Metric]:
        """Nothing beforehand: names are looked at when values are."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield _counts(
            "chatsphere_cache_requests", "Lookups in caches of this process.", ("cache", "outcome"), _cache_counts()
        )
        yield _counts(
            "chatsphere_rate_uncounted",
            "Requests that passed without being counted because Redis was away, by limit.",
            ("rate",),
            {(name,): count for name, count in throttling.uncounted.items()},
        )
        yield from _pools()
        yield _breakers()


def _cache_counts() -> Mapping[tuple[str, ...], int]:
    return {(cache, outcome): count for cache, counted in COUNTED.items() for outcome, count in counted.items()}


def _counts(name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, count in values.items():
        family.add_metric(key, count)
    return family


def _pools() -> Iterator[Metric]:
    size = GaugeMetricFamily("chatsphere_pool_connections", "Connections to PostgreSQL.", labels=("pool", "state"))
    waiting = GaugeMetricFamily("chatsphere_pool_waiting", "Who waits for a connection.", labels=("pool",))
    queued = CounterMetricFamily("chatsphere_pool_waits", "How often somebody had to wait for one.", labels=("pool",))
    for name, stats in pool_statistics():
        open_now, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        size.add_metric((name, "used"), open_now - idle)
        size.add_metric((name, "idle"), idle)
        waiting.add_metric((name,), stats.get("requests_waiting", 0))
        queued.add_metric((name,), stats.get("requests_queued", 0))
    yield from (size, waiting, queued)


def pool_statistics() -> list[tuple[str, Mapping[str, int]]]:
    """What each pool of this process says of itself, by its name."""
    found: list[tuple[str, Any]] = [
        (f"chat:{lane}" if lane else "chat", pool)
        for pools in list(async_database._pools.values())
        for lane, pool in list(pools.items())
    ]
    pools_of_orm: dict[str, Any] = getattr(connections["default"], "_connection_pools", {})
    found += [("orm", pool) for pool in list(pools_of_orm.values())]
    return [(name, pool.get_stats()) for name, pool in found]


def _breakers() -> Metric:
    family = GaugeMetricFamily(
        "chatsphere_breaker_open", "1 while a provider's model is left alone after failures.", labels=("provider",)
    )
    now, worst = time.time(), dict[str, int]()
    for name, circuit in breaker.circuits().items():
        provider = provider_of(name)
        worst[provider] = max(worst.get(provider, 0), int(circuit.open_until > now))
    for provider, is_open in worst.items():
        family.add_metric((provider,), is_open)
    return family


REGISTRY.register(Sampled())
