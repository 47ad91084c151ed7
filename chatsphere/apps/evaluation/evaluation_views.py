"""Evaluations over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.chatbots.models import ChatbotVersion
from chatsphere.apps.evaluation import actions, calibrating
from chatsphere.apps.evaluation.comparing import compare
from chatsphere.apps.evaluation.models import Evaluation, Result
from chatsphere.apps.evaluation.serializers import (
    CalibrationSerializer,
    ComparisonFilters,
    ComparisonSerializer,
    EvaluateInput,
    EvaluationSerializer,
    ResultFilters,
    ResultSerializer,
)
from chatsphere.apps.evaluation.views import SCOPE, TAGS, test_set_of
from chatsphere.core.durable import DurableState
from chatsphere.core.exceptions import Conflict, Invalid, NotFound
from chatsphere.core.openapi import ENVELOPE
from chatsphere.core.principal import principal_of
from chatsphere.core.query import read_filters


class EvaluationList(GenericAPIView[Evaluation]):
    """The evaluations of a test set."""

    scope = SCOPE
    serializer_class = EvaluationSerializer

    @extend_schema(operation_id="evaluations_list", responses={200: EvaluationSerializer(many=True)}, tags=TAGS)
    def get(self, request: Request, test_set_id: UUID) -> Response:
        """Newest first."""
        rows = Evaluation.objects.visible_to(principal_of(request)).filter(
            test_set_id=test_set_of(request, test_set_id).pk
        )
        return self.get_paginated_response(EvaluationSerializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(
        operation_id="evaluations_create", request=EvaluateInput, responses={202: EvaluationSerializer}, tags=TAGS
    )
    def post(self, request: Request, test_set_id: UUID) -> Response:
        """Asks all questions, of a version or of the configuration as it stands. Each question counts as a message of the month."""
        test_set = test_set_of(request, test_set_id)
        body = EvaluateInput(data=request.data)
        body.is_valid(raise_exception=True)
        made = actions.start_evaluation(
            test_set=test_set,
            version=_version(test_set, body.validated_data["version"]),
            principal=principal_of(request),
        )
        return Response(EvaluationSerializer(made).data, status=202)


class EvaluationDetail(GenericAPIView[Evaluation]):
    """One evaluation."""

    scope = SCOPE
    serializer_class = EvaluationSerializer

    @extend_schema(operation_id="evaluations_retrieve", responses={200: EvaluationSerializer}, tags=TAGS)
    def get(self, request: Request, evaluation_id: UUID) -> Response:
        """How far it is, and its measures when it has ended."""
        return Response(EvaluationSerializer(_evaluation(request, evaluation_id)).data)


class EvaluationCancel(GenericAPIView[Evaluation]):
    """Ending an evaluation."""

    scope = SCOPE
    serializer_class = EvaluationSerializer

    @extend_schema(operation_id="evaluations_cancel", request=None, responses={200: EvaluationSerializer}, tags=TAGS)
    def post(self, request: Request, evaluation_id: UUID) -> Response:
        """The answers so far stay."""
        ended = actions.cancel_evaluation(evaluation=_evaluation(request, evaluation_id))
        return Response(EvaluationSerializer(ended).data)


class EvaluationResults(GenericAPIView[Result]):
    """The questions of an evaluation, one by one."""

    scope = SCOPE
    serializer_class = ResultSerializer
    ordering = "id"
    ordering_fields = ("id", "score", "latency_ms")

    @extend_schema(
        operation_id="evaluations_results",
        parameters=[ResultFilters],
        responses={200: ResultSerializer(many=True)},
        tags=TAGS,
    )
    def get(self, request: Request, evaluation_id: UUID) -> Response:
        """In the order of the test set; `?ordering=score` shows the worst first."""
        evaluation = _evaluation(request, evaluation_id)
        rows = Result.objects.in_workspace(evaluation.workspace_id).filter(evaluation_id=evaluation.pk)
        wanted = read_filters(request, ResultFilters)
        if "below" in wanted:
            rows = rows.filter(score__lt=wanted["below"])
        page = self.paginate_queryset(rows.select_related("question"))
        return self.get_paginated_response(ResultSerializer(page, many=True).data)


class EvaluationComparison(GenericAPIView[Evaluation]):
    """An evaluation beside an earlier one."""

    scope = SCOPE
    serializer_class = ComparisonSerializer

    @extend_schema(
        operation_id="evaluations_comparison",
        parameters=[ComparisonFilters],
        responses={200: ComparisonSerializer, 409: OpenApiResponse(ENVELOPE, "One of them has not ended well.")},
        tags=TAGS,
    )
    def get(self, request: Request, evaluation_id: UUID) -> Response:
        """Every measure with its change, and the questions that got better or worse, the clearest change first."""
        after = _evaluation(request, evaluation_id)
        before = _other(request, after, read_filters(request, ComparisonFilters).get("with"))
        if {before.state, after.state} != {DurableState.SUCCEEDED}:
            raise Conflict(_("Both evaluations must have ended well."), type="not_ended")
        return Response(ComparisonSerializer(compare(before, after)).data)


class EvaluationCalibration(GenericAPIView[Evaluation]):
    """The decision to answer, fitted to the chatbot's own questions."""

    scope = SCOPE
    serializer_class = CalibrationSerializer

    @extend_schema(
        operation_id="evaluations_calibration",
        responses={
            200: CalibrationSerializer,
            409: OpenApiResponse(ENVELOPE, "The evaluation has not ended, or has too few questions of either kind."),
        },
        tags=TAGS,
    )
    def get(self, request: Request, evaluation_id: UUID) -> Response:
        """What a calibration would gain; nothing is changed."""
        return Response(CalibrationSerializer(calibrating.calibration_of(_evaluation(request, evaluation_id))).data)

    @extend_schema(
        operation_id="evaluations_calibrate", request=None, responses={200: CalibrationSerializer}, tags=TAGS
    )
    def post(self, request: Request, evaluation_id: UUID) -> Response:
        """Puts the weights into the chatbot's configuration. Make a version and evaluate it before you publish."""
        evaluation = _evaluation(request, evaluation_id)
        found = calibrating.calibration_of(evaluation)
        calibrating.apply(evaluation, found["weights"])
        return Response(CalibrationSerializer(found).data)


def _evaluation(request: Request, evaluation_id: UUID) -> Evaluation:
    found: Evaluation | None = Evaluation.objects.visible_to(principal_of(request)).filter(pk=evaluation_id).first()
    if found is None:
        raise NotFound
    return found


def _other(request: Request, after: Evaluation, wanted: UUID | None) -> Evaluation:
    rows = Evaluation.objects.visible_to(principal_of(request)).filter(test_set_id=after.test_set_id)
    if wanted is None:
        rows = rows.filter(pk__lt=after.pk, state=DurableState.SUCCEEDED).order_by("-id")
    else:
        rows = rows.filter(pk=wanted)
    found: Evaluation | None = rows.first()
    if found is None:
        raise NotFound(_("There is no such evaluation of this test set to compare with."))
    return found


def _version(test_set: Any, number: int | None) -> ChatbotVersion | None:
    if number is None:
        return None
    versions = ChatbotVersion.objects.in_workspace(test_set.workspace_id).filter(chatbot_id=test_set.chatbot_id)
    found: ChatbotVersion | None = versions.filter(number=number).first()
    if found is None:
        raise Invalid(fields={"version": [_("There is no version with this number.")]})
    return found
