"""Identity secrets over HTTP, for admins: whoever holds one can speak for every visitor of the chatbot."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.chatbots import identity
from chatsphere.apps.chatbots.models import Chatbot, IdentitySecret
from chatsphere.apps.users.audit import actor_of
from chatsphere.core.exceptions import NotFound
from chatsphere.core.permissions import IsPerson, person_of
from chatsphere.core.principal import principal_of
from chatsphere.core.serializers import StrictSerializer

TAGS = ["chatbots"]


class _Admins(IsPerson):
    role = "admin"


class IdentitySecretSerializer(serializers.ModelSerializer[IdentitySecret]):
    """A secret without its text."""

    class Meta:
        model = IdentitySecret
        fields = ("id", "last_four", "created_by", "created_at", "expires_at")
        read_only_fields = fields


class NewIdentitySecretSerializer(IdentitySecretSerializer):
    secret = serializers.CharField(read_only=True, help_text=gettext_lazy("Shown this once; keep it on your server."))

    class Meta:
        model = IdentitySecret
        fields = (*IdentitySecretSerializer.Meta.fields, "secret")
        read_only_fields = fields


class RotateIdentitySecretSerializer(StrictSerializer):
    overlap_seconds = serializers.IntegerField(
        min_value=0,
        max_value=7 * 86_400,
        default=86_400,
        help_text=gettext_lazy("How long earlier secrets go on; a day when not said."),
    )


class IdentitySecretList(GenericAPIView[IdentitySecret]):
    """The secrets of a chatbot."""

    permission_classes = (_Admins,)
    serializer_class = IdentitySecretSerializer

    @extend_schema(
        operation_id="identity_secrets_list", responses={200: IdentitySecretSerializer(many=True)}, tags=TAGS
    )
    def get(self, request: Request, chatbot_id: UUID) -> Response:
        """The secrets that are good now, without their texts."""
        chatbot = _chatbot(request, chatbot_id)
        page = self.paginate_queryset(identity.living(chatbot.workspace_id, chatbot.pk))
        return self.get_paginated_response(IdentitySecretSerializer(page, many=True).data)

    @extend_schema(
        operation_id="identity_secrets_create",
        request=RotateIdentitySecretSerializer,
        responses={201: NewIdentitySecretSerializer},
        tags=TAGS,
    )
    def post(self, request: Request, chatbot_id: UUID) -> Response:
        """Make a secret to sign visitor tokens with; earlier ones end after `overlap_seconds`."""
        chatbot = _chatbot(request, chatbot_id)
        body = RotateIdentitySecretSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        new = identity.create_secret(
            workspace_id=chatbot.workspace_id,
            chatbot_id=chatbot.pk,
            overlap=timedelta(seconds=body.validated_data["overlap_seconds"]),
            created_by=person_of(request),
            actor=actor_of(request),
        )
        shown: Any = new.row
        shown.secret = new.secret
        return Response(NewIdentitySecretSerializer(shown).data, status=201)


class IdentitySecretDetail(GenericAPIView[IdentitySecret]):
    """One secret."""

    permission_classes = (_Admins,)
    serializer_class = IdentitySecretSerializer

    @extend_schema(operation_id="identity_secrets_revoke", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, chatbot_id: UUID, secret_id: UUID) -> Response:
        """Revoke it: visitor tokens that it signed are refused from this moment."""
        chatbot = _chatbot(request, chatbot_id)
        identity.revoke_secret(
            workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, secret_id=secret_id, actor=actor_of(request)
        )
        return Response(status=204)


def _chatbot(request: Request, chatbot_id: UUID) -> Chatbot:
    chatbot: Chatbot | None = Chatbot.objects.visible_to(principal_of(request)).filter(pk=chatbot_id).first()
    if chatbot is None:
        raise NotFound
    return chatbot
