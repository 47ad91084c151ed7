"""The inbox of unanswered questions over HTTP."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, F, QuerySet, Window
from django.db.models.functions import RowNumber
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.analytics import answering, inbox, rolling
from chatsphere.apps.analytics.models import QuestionCluster, UnansweredQuestion
from chatsphere.apps.analytics.serializers import (
    AnswerInput,
    AnswerWorkSerializer,
    ClusterDetailSerializer,
    ClusterSerializer,
    QuestionFilters,
)
from chatsphere.apps.analytics.views import TAGS, chatbots_for
from chatsphere.core.csv_export import CSV_OR_JSON, csv_response, wants_csv
from chatsphere.core.exceptions import NotFound
from chatsphere.core.principal import Principal, principal_of
from chatsphere.core.query import read_filters
from chatsphere.services.errors import EngineError

EXAMPLES = 3
SORTED_AT_ONCE = 50  # for whoever looks; the rest is the worker's
COLUMNS = ("id", "chatbot", "state", "question", "asked_count", "first_asked_at", "last_asked_at", "resolved_at", "reopened_at")  # fmt: skip


class QuestionList(GenericAPIView[QuestionCluster]):
    """What could not be answered."""

    scope = "analytics"
    serializer_class = ClusterSerializer
    renderer_classes = CSV_OR_JSON
    ordering = "-rank"
    ordering_fields = ("rank", "asked_count", "last_asked_at", "first_asked_at")

    @extend_schema(
        operation_id="analytics_questions_list",
        parameters=[QuestionFilters],
        responses={(200, "application/json"): ClusterSerializer(many=True), (200, "text/csv"): OpenApiTypes.STR},
        tags=TAGS,
    )
    def get(self, request: Request) -> Any:
        """Questions of one meaning together, those first that are asked most often and latest (`ordering=-asked_count` for most often)."""
        wanted = read_filters(request, QuestionFilters)
        principal = principal_of(request)
        rows = clusters_for(principal)
        if (chatbot_id := wanted.get("chatbot")) is not None:
            if not chatbots_for(principal).filter(pk=chatbot_id).exists():
                raise NotFound
            rows = rows.filter(chatbot_id=chatbot_id)
        rows = rows.filter(state=wanted["state"]) if "state" in wanted else rows
        _catch_up(principal.workspace_id)
        if wants_csv(request):
            return csv_response("questions.csv", COLUMNS, _lines(rows))
        page = with_examples(self.paginate_queryset(rows) or [])
        return self.get_paginated_response(ClusterSerializer(page, many=True).data)


class QuestionDetail(GenericAPIView[QuestionCluster]):
    """One cluster."""

    scope = "analytics"
    serializer_class = ClusterDetailSerializer

    @extend_schema(operation_id="analytics_questions_retrieve", responses={200: ClusterDetailSerializer}, tags=TAGS)
    def get(self, request: Request, cluster_id: UUID) -> Response:
        """With examples and, when somebody answered it, the answers before and after."""
        return Response(ClusterDetailSerializer(_detail(_cluster(request, cluster_id))).data)


class QuestionAnswer(GenericAPIView[QuestionCluster]):
    """Mending the content."""

    scope = "sources:write"
    serializer_class = AnswerWorkSerializer

    @extend_schema(
        operation_id="analytics_questions_answer", request=AnswerInput, responses={202: AnswerWorkSerializer}, tags=TAGS
    )
    def post(self, request: Request, cluster_id: UUID) -> Response:
        """Write the answer as a source, train it and ask again; `GET …/questions/{id}/` shows before and after. Needs `sources:write`."""
        cluster = _cluster(request, cluster_id)
        body = AnswerInput(data=request.data)
        body.is_valid(raise_exception=True)
        work = answering.answer_cluster(
            workspace_id=cluster.workspace_id,
            cluster_id=cluster.pk,
            created_by=principal_of(request).user_id,
            **body.validated_data,
        )
        return Response(AnswerWorkSerializer(work).data, status=202)


class QuestionDismiss(GenericAPIView[QuestionCluster]):
    """Not ours to answer."""

    scope = "sources:write"
    serializer_class = ClusterDetailSerializer

    @extend_schema(
        operation_id="analytics_questions_dismiss", request=None, responses={200: ClusterDetailSerializer}, tags=TAGS
    )
    def post(self, request: Request, cluster_id: UUID) -> Response:
        """Such questions stay away from the list, also those to come."""
        return _set_state(request, cluster_id, QuestionCluster.State.DISMISSED)


class QuestionReopen(GenericAPIView[QuestionCluster]):
    """Back into the inbox."""

    scope = "sources:write"
    serializer_class = ClusterDetailSerializer

    @extend_schema(
        operation_id="analytics_questions_reopen", request=None, responses={200: ClusterDetailSerializer}, tags=TAGS
    )
    def post(self, request: Request, cluster_id: UUID) -> Response:
        """Take back a dismissal or an answer."""
        return _set_state(request, cluster_id, QuestionCluster.State.UNANSWERED)


def clusters_for(principal: Principal) -> QuerySet[Any]:
    """The clusters that a principal may see."""
    rows: QuerySet[Any] = QuestionCluster.objects.in_workspace(principal.workspace_id)
    rows = rows.filter(chatbot__deleted_at=None, merged_into=None).defer("centroid")
    return rows if principal.chatbot_ids is None else rows.filter(chatbot_id__in=principal.chatbot_ids)


def with_examples(clusters: Sequence[QuestionCluster]) -> list[QuestionCluster]:
    """The same clusters with the newest examples and counts by reason. Two queries, however many."""
    members = UnansweredQuestion.objects.filter(cluster__in=[cluster.pk for cluster in clusters])
    place = Window(RowNumber(), partition_by=F("cluster_id"), order_by=F("asked_at").desc())
    examples: dict[UUID, list[Any]] = defaultdict(list)
    for row in members.defer("vector").annotate(place=place).filter(place__lte=EXAMPLES).order_by("place"):
        examples[row.cluster_id].append(row)
    reasons: dict[UUID, Counter[str]] = defaultdict(Counter)
    for cluster_id, reason, count in members.order_by().values_list("cluster_id", "reason").annotate(Count("pk")):
        reasons[cluster_id][reason] += count
    for cluster in clusters:
        cluster.examples, cluster.reasons = examples[cluster.pk], dict(reasons[cluster.pk])  # type: ignore[attr-defined]  # for the serializer
    return list(clusters)


def _lines(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    names = ["chatbot_id" if name == "chatbot" else name for name in COLUMNS]
    return (list(row) for row in rows.order_by("-rank", "-id").values_list(*names).iterator(chunk_size=1000))


def _catch_up(workspace_id: UUID) -> None:
    """What was asked just now is in the list that is shown now, unless it is much."""
    rolling.freshen(workspace_id)
    waiting = UnansweredQuestion.objects.in_workspace(workspace_id).filter(cluster=None).order_by()
    for chatbot_id in waiting.values_list("chatbot_id", flat=True).distinct()[:5]:
        try:
            inbox.sort_in(chatbot_id, most=SORTED_AT_ONCE)
        except EngineError:
            return
    stale = QuestionCluster.objects.in_workspace(workspace_id).filter(is_stale=True)
    inbox.refresh(list(stale.values_list("pk", flat=True)[:SORTED_AT_ONCE]))


def _set_state(request: Request, cluster_id: UUID, state: str) -> Response:
    cluster = _cluster(request, cluster_id)
    answering.set_state(workspace_id=cluster.workspace_id, cluster_id=cluster.pk, state=state)
    return Response(ClusterDetailSerializer(_detail(_cluster(request, cluster_id))).data)


def _cluster(request: Request, cluster_id: UUID) -> QuestionCluster:
    found: QuestionCluster | None = clusters_for(principal_of(request)).filter(pk=cluster_id).first()
    if found is None:
        raise NotFound
    return found


def _detail(cluster: QuestionCluster) -> QuestionCluster:
    [shown] = with_examples([cluster])
    shown.answer = cluster.works.order_by("-id").first()  # type: ignore[attr-defined]  # for the serializer
    return shown
