"""Reports over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.analytics import reports, rolling
from chatsphere.apps.analytics.cached import cached
from chatsphere.apps.analytics.periods import Period, read_period
from chatsphere.apps.analytics.reports import Scope
from chatsphere.apps.analytics.serializers import (
    OverviewFilters,
    OverviewSerializer,
    SourceFilters,
    SourcesSerializer,
    UsageFilters,
    UsageSerializer,
)
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.users.models import Workspace
from chatsphere.core.csv_export import CSV_OR_JSON, csv_response, wants_csv
from chatsphere.core.exceptions import NotFound
from chatsphere.core.principal import Principal, principal_of
from chatsphere.core.query import read_filters

TAGS = ["analytics"]
MOST_LINES = 10_000
DEFAULT_BY = ("chatbot", "key", "day", "model")
FIGURES = (
    "at",
    *reports.COUNTS,
    "visitors",
    "latency_p50_ms",
    "latency_p95_ms",
    "first_token_p50_ms",
    "first_token_p95_ms",
)
SOURCE_COLUMNS = (
    "id", "chatbot", "name", "source_type", "status", "chunks_count", "created_at", "last_synced_at", "citations", "answers",
    "last_cited_at", "never_cited", "stale",
)  # fmt: skip


class Report(GenericAPIView[Any]):
    """A report: read with ``analytics:read``, as JSON or CSV."""

    scope = "analytics"
    pagination_class = None
    renderer_classes = CSV_OR_JSON


class Overview(Report):
    """How the chatbots do."""

    serializer_class = OverviewSerializer

    @extend_schema(
        operation_id="analytics_overview",
        parameters=[OverviewFilters],
        responses={(200, "application/json"): OverviewSerializer, (200, "text/csv"): OpenApiTypes.STR},
        tags=TAGS,
    )
    def get(self, request: Request) -> Any:
        """Totals, a series by hour, day or week in the workspace's time zone, and the period before to compare with. As CSV: the series."""
        wanted = read_filters(request, OverviewFilters)
        interval = wanted.get("interval", "day")
        scope, period = read_scope(request, wanted), period_of(request, wanted, interval)
        report = overview_of(scope, period, interval)
        if wants_csv(request):
            return csv_response("overview.csv", FIGURES, table(report["series"], FIGURES))
        return Response(report)


class Usage(Report):
    """What was used and what it cost."""

    serializer_class = UsageSerializer

    @extend_schema(
        operation_id="analytics_usage",
        parameters=[UsageFilters],
        responses={(200, "application/json"): UsageSerializer, (200, "text/csv"): OpenApiTypes.STR},
        tags=TAGS,
    )
    def get(self, request: Request) -> Any:
        """Tokens and cost by chatbot, key, model, channel, day or kind of work, in any combination."""
        wanted = read_filters(request, UsageFilters)
        by = wanted.get("by", DEFAULT_BY)
        scope, period = read_scope(request, wanted), period_of(request, wanted)
        rolling.freshen(scope.workspace_id)
        lines = reports.usage(scope, period, by)
        if wants_csv(request):
            columns = (*by, "lines", *reports.MEASURES, "currency")
            return csv_response("usage.csv", columns, table(lines, columns))
        results = list(islice(lines, MOST_LINES + 1))
        head = {"since": period.since, "until": period.until, "by": by, "truncated": len(results) > MOST_LINES}
        return Response({**head, "results": results[:MOST_LINES]})


class Sources(Report):
    """Which sources answers rest on."""

    serializer_class = SourcesSerializer

    @extend_schema(
        operation_id="analytics_sources",
        parameters=[SourceFilters],
        responses={(200, "application/json"): SourcesSerializer, (200, "text/csv"): OpenApiTypes.STR},
        tags=TAGS,
    )
    def get(self, request: Request) -> Any:
        """Each source with its citations: those never cited want a look, those of the web that were not read for long, too."""
        wanted = read_filters(request, SourceFilters)
        scope, period = read_scope(request, wanted), period_of(request, wanted)
        rolling.freshen(scope.workspace_id)
        results = reports.sources(scope, period, wanted.get("state", ""))
        if wants_csv(request):
            return csv_response("sources.csv", SOURCE_COLUMNS, table(results, SOURCE_COLUMNS))
        totals = {
            "sources": len(results),
            "cited": sum(not row["never_cited"] for row in results),
            "never_cited": sum(row["never_cited"] for row in results),
            "stale": sum(row["stale"] for row in results),
        }
        return Response({"since": period.since, "until": period.until, "totals": totals, "results": results})


def overview_of(scope: Scope, period: Period, interval: str) -> dict[str, Any]:
    """The overview, from the cache when nothing was summed since it was made."""
    generation = rolling.freshen(scope.workspace_id)
    key = ("overview", scope, period.since, period.until, str(period.zone), interval)
    return cached(scope.workspace_id, generation, key, lambda: reports.overview(scope, period, interval))


def chatbots_for(principal: Principal) -> QuerySet[Any]:
    """The living chatbots that a principal may see reports of."""
    found: QuerySet[Any] = Chatbot.objects.visible_to(principal)
    return found


def read_scope(request: Request, wanted: Mapping[str, Any]) -> Scope:
    """Whose figures may be shown: a bound key sees its chatbots. Raises NotFound for a chatbot of another."""
    principal = principal_of(request)
    chatbot_id = wanted.get("chatbot")
    if chatbot_id is not None:
        if not chatbots_for(principal).filter(pk=chatbot_id).exists():
            raise NotFound
        return Scope(principal.workspace_id, (chatbot_id,))
    bound = principal.chatbot_ids
    return Scope(principal.workspace_id, None if bound is None else tuple(sorted(bound)))


def period_of(request: Request, wanted: Mapping[str, Any], interval: str = "day") -> Period:
    """What was asked for, in the workspace's time zone."""
    workspace = Workspace.objects.only("time_zone").get(pk=principal_of(request).workspace_id)
    zone = ZoneInfo(workspace.time_zone)
    return read_period(wanted.get("since"), wanted.get("until"), interval=interval, zone=zone, now=timezone.now())


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterable[list[Any]]:
    """Rows as a table."""
    return ([row[name] for name in columns] for row in rows)
