"""Retraining of a chatbot over HTTP."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training import retraining
from chatsphere.apps.training.estimate import estimate
from chatsphere.apps.training.models import Retraining
from chatsphere.apps.training.retraining_serializers import EstimateAnswer, RetrainFilters, RetrainingSerializer
from chatsphere.apps.users.audit import actor_of
from chatsphere.core.exceptions import Conflict, NotFound
from chatsphere.core.principal import Principal, principal_of
from chatsphere.core.query import FIELDS, read_filters
from chatsphere.services.errors import EngineMisconfigured

TAGS = ["training"]


class ChatbotRetrain(GenericAPIView[Retraining]):
    """Training a whole chatbot again, as its configuration says now."""

    scope = "sources"
    serializer_class = RetrainingSerializer

    @extend_schema(
        operation_id="chatbots_retrain",
        parameters=[RetrainFilters],
        request=None,
        responses={202: RetrainingSerializer, 200: EstimateAnswer},
        tags=TAGS,
    )
    def post(self, request: Request, chatbot_id: UUID) -> Response:
        """Go over to the embedding model and the length of chunks that the configuration names.

        The old knowledge answers until the new one is complete. `?dry_run=true` says what it would do and cost, with 200.
        409 when nothing has to change, or while a retraining is open.
        """
        chatbot = _chatbot(principal_of(request), chatbot_id)
        try:
            if read_filters(request, RetrainFilters).get("dry_run"):
                return Response(EstimateAnswer(estimate(chatbot)).data)
            started = retraining.start_retraining(
                workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, actor=actor_of(request)
            )
        except EngineMisconfigured as error:
            raise Conflict(error.message, type=error.type) from error
        return Response(RetrainingSerializer(started).data, status=202)


class ChatbotRetrainings(GenericAPIView[Retraining]):
    """The retrainings of a chatbot."""

    scope = "sources"
    serializer_class = RetrainingSerializer

    @extend_schema(
        operation_id="chatbots_retrainings_list",
        parameters=[FIELDS],
        responses={200: RetrainingSerializer(many=True)},
        tags=TAGS,
    )
    def get(self, request: Request, chatbot_id: UUID) -> Response:
        """Newest first."""
        chatbot = _chatbot(principal_of(request), chatbot_id)
        page = self.paginate_queryset(Retraining.objects.filter(chatbot=chatbot))
        return self.get_paginated_response(RetrainingSerializer(page, many=True, context={"request": request}).data)


class RetrainingDetail(GenericAPIView[Retraining]):
    """One retraining."""

    scope = "sources"
    serializer_class = RetrainingSerializer

    @extend_schema(
        operation_id="retrainings_retrieve", parameters=[FIELDS], responses={200: RetrainingSerializer}, tags=TAGS
    )
    def get(self, request: Request, retraining_id: UUID) -> Response:
        """How far it is, and what it has cost so far."""
        row = _retraining(principal_of(request), retraining_id)
        return Response(RetrainingSerializer(row, context={"request": request}).data)


class RetrainingCancel(GenericAPIView[Retraining]):
    """Ending a retraining early."""

    scope = "sources"
    serializer_class = RetrainingSerializer

    @extend_schema(operation_id="retrainings_cancel", request=None, responses={200: RetrainingSerializer}, tags=TAGS)
    def post(self, request: Request, retraining_id: UUID) -> Response:
        """Stop it; the old vectors go on answering. 409 when it has ended or has switched already."""
        row = _retraining(principal_of(request), retraining_id)
        return Response(
            RetrainingSerializer(retraining.cancel_retraining(retraining=row, actor=actor_of(request))).data
        )


def _chatbot(principal: Principal, chatbot_id: UUID) -> Chatbot:
    chatbot: Chatbot | None = Chatbot.objects.visible_to(principal).filter(pk=chatbot_id).first()
    if chatbot is None:
        raise NotFound
    return chatbot


def _retraining(principal: Principal, retraining_id: UUID) -> Retraining:
    visible = Chatbot.objects.visible_to(principal)
    rows = Retraining.objects.in_workspace(principal.workspace_id).filter(chatbot__in=visible)
    row: Retraining | None = rows.filter(pk=retraining_id).first()
    if row is None:
        raise NotFound
    return row
