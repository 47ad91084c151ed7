"""``/metrics`` for Prometheus: open to this machine and to whom the settings name, invisible to everybody else."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiResponse, extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import chatsphere
from chatsphere.core import metric_files, sampled_metrics, work_figures
from chatsphere.core.addresses import client_address, is_within
from chatsphere.core.exceptions import NotFound
from chatsphere.core.middleware.errors import error_response
from chatsphere.core.openapi import documented

__all__ = ["metrics", "sampled_metrics"]  # which are part of every process's figures
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")


class Platform(Collector):
    """All figures of this machine, put together when they are asked for."""

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("chatsphere_build_info", "The version that runs.", labels=("version",))
        build.add_metric((chatsphere.__version__,), 1)
        yield build
        yield from metric_files.everything()
        yield from _processes()
        yield from work_figures.metrics()


_registry = CollectorRegistry(auto_describe=False)
_registry.register(Platform())


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures of all processes of this machine."""
    if not may_read(request):
        return error_response(NotFound(_("There is nothing here.")))
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def exposition() -> bytes:
    """All figures as Prometheus reads them."""
    return generate_latest(_registry)


def may_read(request: HttpRequest) -> bool:
    """What a proxy passes on that is not in TRUSTED_PROXIES may come from anywhere, even when the proxy is on this machine."""
    is_known = is_within(request.META.get("REMOTE_ADDR", ""), tuple(settings.TRUSTED_PROXIES))
    is_passed_on = any(name in request.META for name in FORWARDED)
    return may_read_as(
        "" if is_passed_on and not is_known else client_address(request), request.headers.get("Authorization", "")
    )


def may_read_as(address: str, authorization: str) -> bool:
    """By METRICS_TOKEN, else by METRICS_ALLOWED."""
    token = settings.METRICS_TOKEN
    if token and hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
        return True
    return is_within(address, settings.METRICS_ALLOWED)


def _processes() -> Iterator[Metric]:
    labels = ("role", "pid")
    memory = GaugeMetricFamily(
        "chatsphere_process_resident_bytes", "Memory of a process, what it shares included.", labels=labels
    )
    cpu = CounterMetricFamily("chatsphere_process_cpu_seconds", "Processor time of a process.", labels=labels)
    files = GaugeMetricFamily("chatsphere_process_open_files", "Open files and sockets of a process.", labels=labels)
    for role, process in metric_files.processes():
        key = (role, str(process.pid))
        with process.oneshot():
            used = process.cpu_times()
            memory.add_metric(key, process.memory_info().rss)
            cpu.add_metric(key, used.user + used.system)
            files.add_metric(key, process.num_fds())
    yield from (memory, cpu, files)


documented(
    metrics,
    "GET",
    extend_schema(
        operation_id="metrics",
        description="Figures for Prometheus. Only for METRICS_ALLOWED and holders of METRICS_TOKEN; others get 404.",
        tags=["operations"],
        responses={(200, "text/plain"): str, 404: OpenApiResponse(description="Not for you.")},
    ),
)
