"""The operators' page in the admin: what waits, what fails, who works, what is slow and what is full, at one glance.

It shows the figures of ``/metrics`` as they are now; the history is Prometheus's. Charts are drawn by pygal, which is imported when the page is asked for.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from prometheus_client.core import Metric

from chatsphere.core import metric_files, presence, work_figures
from chatsphere.core.presence import Living
from chatsphere.core.work_figures import Figures

HOURS = 24
MOST_ROUTES = 10
MOST_FAILURES = 12
FEWEST_REQUESTS = 5  # of a route whose times say something
STALLED_SECONDS = 120
QUEUED, RUNNING, SLOW = "#E69F00", "#0072B2", "#0072B2"  # told apart also by people who see few colours
INK, FAINT = "#1F2933", "#D9DEE4"
_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)

admin.site.index_template = "core/operator_index.html"


@dataclass(frozen=True, slots=True)
class SlowRoute:
    """Of all its requests since the processes began; ``p95`` is the bound of a bucket, in seconds."""

    name: str
    requests: int
    mean: float
    p95: float


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """For staff only, by ``admin.site.admin_view``."""
    figures, families = work_figures.figures(), {each.name: each for each in metric_files.everything()}
    routes = slow_routes(families.get("chatsphere_http_request_seconds"))
    context = {
        **admin.site.each_context(request),
        "title": _("Status"),
        "figures": figures,
        "servers": {"PostgreSQL": figures.backlogs is not None, "Redis": figures.hints is not None},
        "backlogs": sorted(figures.backlogs or [], key=lambda each: (-each.oldest, -each.queued, each.kind)),
        "stalled_seconds": STALLED_SECONDS,
        "failures": work_figures.failures(HOURS, MOST_FAILURES),
        "hours": HOURS,
        "processes": _processes(),
        "routes": routes,
        "breakers": _breakers(families.get("chatsphere_breaker_open")),
        "full": 1 - figures.free_bytes / figures.total_bytes if figures.total_bytes else 0.0,
        "work_chart": _work_chart(figures),
        "route_chart": _route_chart(routes),
    }
    return TemplateResponse(request, "core/status.html", context)


def slow_routes(seconds: Metric | None) -> list[SlowRoute]:
    """The routes with the slowest requests, slowest first; those of the admin are not looked at."""
    found: dict[str, dict[str, Any]] = {}
    for sample in seconds.samples if seconds else []:
        labels = sample.labels
        if labels["route"].startswith("/admin/"):
            continue
        each = found.setdefault(f"{labels['method']} {labels['route']}", {"buckets": {}, "count": 0.0, "sum": 0.0})
        if sample.name.endswith("_bucket"):
            each["buckets"][float(labels["le"])] = sample.value
        else:
            each[sample.name.rpartition("_")[2]] = sample.value
    routes = [_slow_route(name, each) for name, each in found.items() if each["count"] >= FEWEST_REQUESTS]
    return sorted(routes, key=lambda route: (-route.p95, -route.mean))[:MOST_ROUTES]


def _slow_route(name: str, found: Mapping[str, Any]) -> SlowRoute:
    count = found["count"]
    bounds = sorted(found["buckets"].items())
    finite = [bound for bound, below in bounds if below >= 0.95 * count]
    longest = max((bound for bound, _ in bounds if bound != float("inf")), default=0.0)
    return SlowRoute(name, int(count), found["sum"] / count, min(finite[0] if finite else longest, longest))


def _processes() -> list[Living]:
    """Of the whole deployment; of this machine alone while Redis is away."""
    found = presence.everywhere()
    if found is not None:
        return found
    return sorted((presence.living(*each) for each in metric_files.processes()), key=attrgetter("role", "pid"))


def _breakers(family: Metric | None) -> dict[str, bool]:
    return {sample.labels["provider"]: bool(sample.value) for sample in family.samples} if family else {}


def _work_chart(figures: Figures) -> str:
    rows = [each for each in figures.backlogs or [] if each.queued or each.running]
    series = {_("queued"): [each.queued for each in rows], _("running"): [each.running for each in rows]}
    return _drawn([each.kind for each in rows], series, (QUEUED, RUNNING)) if rows else ""


def _route_chart(routes: Sequence[SlowRoute]) -> str:
    series = {_("milliseconds, mean"): [round(route.mean * 1000, 1) for route in routes]}
    return _drawn([route.name for route in routes], series, (SLOW,)) if routes else ""


def _drawn(labels: Sequence[str], series: Mapping[str, Sequence[float]], colours: Sequence[str]) -> str:
    """A picture as an address: the admin's policy lets no script and no other host in."""
    import pygal
    from pygal.style import Style

    style = Style(
        background="transparent", plot_background="transparent", colors=colours, foreground=INK, foreground_strong=INK,
        foreground_subtle=FAINT, label_font_size=13, major_label_font_size=13, legend_font_size=13, value_font_size=12, value_colors=("#FFFFFF",) * len(colours),
        font_family="sans-serif", opacity="1",
    )  # fmt: skip
    chart = pygal.HorizontalStackedBar(
        style=style, js=[], width=640, height=80 + 34 * len(labels), x_labels=list(reversed(labels)), show_title=False,
        legend_at_bottom=True, truncate_label=60, print_values=True, print_zeroes=False, margin=10,
    )  # fmt: skip
    for name, values in series.items():
        chart.add(name, list(reversed(values)))
    svg = _SCRIPT.sub("", chart.render(is_unicode=True))
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
