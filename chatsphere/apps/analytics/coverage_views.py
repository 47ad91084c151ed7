"""Coverage and freshness of the content over HTTP."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.analytics import reports, rolling
from chatsphere.apps.analytics.inbox_views import clusters_for
from chatsphere.apps.analytics.models import Finding, QuestionCluster
from chatsphere.apps.analytics.reports import Scope
from chatsphere.apps.analytics.serializers import CoverageFilters, CoverageSerializer
from chatsphere.apps.analytics.views import TAGS, period_of, read_scope
from chatsphere.core.principal import principal_of
from chatsphere.core.query import read_filters

SHOWN = 50
SUGGESTED = 10
Kind = Finding.Kind


class Coverage(GenericAPIView[Any]):
    """What to mend in the content."""

    scope = "analytics"
    pagination_class = None
    serializer_class = CoverageSerializer

    @extend_schema(
        operation_id="analytics_coverage",
        parameters=[CoverageFilters],
        responses={200: CoverageSerializer},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Sources that nobody needs or that are out of date, passages said twice or contradicting, and what to add next; 50 of each."""
        wanted = read_filters(request, CoverageFilters)
        scope = read_scope(request, wanted)
        rolling.freshen(scope.workspace_id)
        lines = reports.sources(scope, period_of(request, {}))
        report = {
            "never_cited": [line for line in lines if line["never_cited"] and line["chunks_count"]][:SHOWN],
            "stale": [line for line in lines if line["stale"]][:SHOWN],
            "changed_at_origin": _found(scope, Kind.CHANGED_AT_ORIGIN),
            "near_duplicates": _found(scope, Kind.NEAR_DUPLICATE),
            "contradictions": _found(scope, Kind.CONTRADICTION),
            "suggested": _suggested(request, scope),
        }
        return Response(CoverageSerializer(report).data)


def _found(scope: Scope, kind: Kind) -> list[Any]:
    rows = Finding.objects.in_workspace(scope.workspace_id).filter(kind=kind, chatbot__deleted_at=None)
    if scope.chatbot_ids is not None:
        rows = rows.filter(chatbot_id__in=scope.chatbot_ids)
    return list(rows.order_by("-score")[:SHOWN])


def _suggested(request: Request, scope: Scope) -> list[dict[str, Any]]:
    rows = clusters_for(principal_of(request)).filter(state=QuestionCluster.State.UNANSWERED)
    if scope.chatbot_ids is not None:
        rows = rows.filter(chatbot_id__in=scope.chatbot_ids)
    values = rows.order_by("-rank").values_list("pk", "chatbot_id", "question", "asked_count")[:SUGGESTED]
    names = ("question_id", "chatbot", "question", "asked_count")
    return [dict(zip(names, row, strict=True)) for row in values]
