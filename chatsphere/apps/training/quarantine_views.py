"""The quarantine of a chatbot over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training import quarantine
from chatsphere.apps.training.models import QuarantinedChunk
from chatsphere.core.exceptions import NotFound
from chatsphere.core.principal import principal_of
from chatsphere.core.query import read_filters
from chatsphere.core.serializers import StrictSerializer

TAGS = ["sources"]


class QuarantinedChunkSerializer(serializers.Serializer[Any]):
    """A chunk that looks as if it gave orders to a model. While it is `held`, no search finds it and no model reads it."""

    id = serializers.UUIDField()
    chunk_id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=QuarantinedChunk.State.choices)
    pattern = serializers.CharField()
    excerpt = serializers.CharField()
    text = serializers.CharField()
    decided_by = serializers.UUIDField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class QuarantineFilters(StrictSerializer):
    """Narrows the list."""

    state = serializers.ChoiceField(choices=QuarantinedChunk.State.choices, required=False)


class QuarantineDecision(StrictSerializer):
    """What becomes of the chunk."""

    state = serializers.ChoiceField(choices=QuarantinedChunk.State.choices)


class QuarantineList(GenericAPIView[QuarantinedChunk]):
    """The chunks of a chatbot that were or are held back."""

    scope = "sources"
    serializer_class = QuarantinedChunkSerializer

    @extend_schema(
        operation_id="quarantine_list",
        parameters=[QuarantineFilters],
        responses={200: QuarantinedChunkSerializer(many=True)},
        tags=TAGS,
    )
    def get(self, request: Request, chatbot_id: UUID) -> Response:
        """Newest first."""
        principal = principal_of(request)
        if not Chatbot.objects.visible_to(principal).filter(pk=chatbot_id).exists():
            raise NotFound
        rows = QuarantinedChunk.objects.visible_to(principal).filter(chatbot_id=chatbot_id)
        page = self.paginate_queryset(rows.filter(**read_filters(request, QuarantineFilters)).select_related("chunk"))
        return self.get_paginated_response([quarantine.shown(row) for row in page or ()])


class QuarantineDetail(GenericAPIView[QuarantinedChunk]):
    """One chunk that was held back."""

    scope = "sources"
    serializer_class = QuarantinedChunkSerializer

    @extend_schema(
        operation_id="quarantine_decide",
        request=QuarantineDecision,
        responses={200: QuarantinedChunkSerializer},
        tags=TAGS,
    )
    def patch(self, request: Request, quarantine_id: UUID) -> Response:
        """Release it, or hold it again. It holds from the next search on."""
        principal = principal_of(request)
        row = QuarantinedChunk.objects.visible_to(principal).filter(pk=quarantine_id).first()
        if row is None:
            raise NotFound
        body = QuarantineDecision(data=request.data)
        body.is_valid(raise_exception=True)
        decided = quarantine.decide(
            workspace_id=row.workspace_id,
            quarantine_id=row.pk,
            is_released=body.validated_data["state"] == "released",
            decided_by=principal.user_id,
        )
        return Response(quarantine.shown(decided))
