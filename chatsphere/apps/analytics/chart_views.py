"""Charts over HTTP, for dashboards and mails."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from chatsphere.apps.analytics import charts, reports, rolling
from chatsphere.apps.analytics.inbox_views import clusters_for
from chatsphere.apps.analytics.models import QuestionCluster
from chatsphere.apps.analytics.periods import Period
from chatsphere.apps.analytics.reports import Scope
from chatsphere.apps.analytics.serializers import OverviewFilters, PeriodFilters, QuestionFilters
from chatsphere.apps.analytics.views import TAGS, chatbots_for, overview_of, period_of, read_scope
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.core.exceptions import NotFound
from chatsphere.core.principal import principal_of
from chatsphere.core.query import read_filters
from chatsphere.core.renderers import JSONRenderer

SHOWN = 8
MEDIA_TYPE = "image/svg+xml"


class SVGRenderer(BaseRenderer):
    """Lets `Accept: image/svg+xml` pass."""

    media_type = MEDIA_TYPE
    format = "svg"
    charset = "utf-8"
    render_style = "text"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        response = (renderer_context or {}).get("response")
        if response is not None:  # an error
            response.headers["Content-Type"] = JSONRenderer.media_type
        return JSONRenderer().render(data)


class Chart(GenericAPIView[Any]):
    """A picture of a report."""

    scope = "analytics"
    pagination_class = None
    renderer_classes = (SVGRenderer, JSONRenderer)
    serializer_class = None


class OverviewChart(Chart):
    """Messages over time."""

    @extend_schema(
        operation_id="analytics_overview_chart",
        parameters=[OverviewFilters],
        responses={(200, MEDIA_TYPE): OpenApiTypes.STR},
        tags=TAGS,
    )
    def get(self, request: Request) -> HttpResponse:
        """Answered and refused messages by hour, day or week, as SVG."""
        wanted = read_filters(request, OverviewFilters)
        interval = wanted.get("interval", "day")
        period = period_of(request, wanted, interval)
        return _svg(charts.overview_chart(overview_of(read_scope(request, wanted), period, interval), period.zone))


class UsageChart(Chart):
    """What each chatbot cost."""

    @extend_schema(
        operation_id="analytics_usage_chart",
        parameters=[PeriodFilters],
        responses={(200, MEDIA_TYPE): OpenApiTypes.STR},
        tags=TAGS,
    )
    def get(self, request: Request) -> HttpResponse:
        """Cost by chatbot (messages, while nothing costs anything), as SVG."""
        wanted = read_filters(request, PeriodFilters)
        scope, period = read_scope(request, wanted), period_of(request, wanted)
        rolling.freshen(scope.workspace_id)
        return _svg(usage_chart_of(scope, period))


class QuestionsChart(Chart):
    """What could not be answered."""

    @extend_schema(
        operation_id="analytics_questions_chart",
        parameters=[QuestionFilters],
        responses={(200, MEDIA_TYPE): OpenApiTypes.STR},
        tags=TAGS,
    )
    def get(self, request: Request) -> HttpResponse:
        """The open questions that are asked most, as SVG."""
        wanted = read_filters(request, QuestionFilters)
        principal = principal_of(request)
        rows = clusters_for(principal).filter(state=wanted.get("state", QuestionCluster.State.UNANSWERED))
        if (chatbot_id := wanted.get("chatbot")) is not None:
            if not chatbots_for(principal).filter(pk=chatbot_id).exists():
                raise NotFound
            rows = rows.filter(chatbot_id=chatbot_id)
        top = rows.order_by("-asked_count", "-rank").values_list("question", "asked_count")[:SHOWN]
        return _svg(charts.questions_chart(list(top)))


def usage_chart_of(scope: Scope, period: Period) -> str:
    """Cost by chatbot in the dearest currency."""
    lines = list(reports.usage(scope, period, ["chatbot"]))
    currency = lines[0]["currency"] if lines and lines[0]["cost"] else ""
    measure = "cost" if currency else "messages"
    kept = [line for line in lines if line[measure] and (not currency or line["currency"] == currency)][:SHOWN]
    names = Chatbot.objects.in_workspace(scope.workspace_id).in_bulk([line["chatbot"] for line in kept])
    named = [(_name(names.get(line["chatbot"])), line[measure]) for line in kept]
    return charts.usage_chart(named, currency)


def _name(chatbot: Chatbot | None) -> str:
    return chatbot.name if chatbot is not None else "–"


def _svg(text: str) -> HttpResponse:
    # Opened by itself, the picture runs nothing and loads nothing.
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        "Cache-Control": "private, max-age=60",
    }
    return HttpResponse(text, content_type=f"{MEDIA_TYPE}; charset=utf-8", headers=headers)
