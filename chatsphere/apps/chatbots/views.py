"""Chatbots and their versions over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.chatbots import actions
from chatsphere.apps.chatbots.models import Chatbot, ChatbotVersion
from chatsphere.apps.chatbots.serializers import (
    ChatbotFilters,
    ChatbotInput,
    ChatbotSerializer,
    VersionInput,
    VersionSerializer,
)
from chatsphere.apps.chatbots.trained import training_warnings
from chatsphere.apps.users.audit import actor_of
from chatsphere.core.conditional import IF_MATCH, if_match_of, with_etag
from chatsphere.core.exceptions import Forbidden, NotFound
from chatsphere.core.principal import ROLE_RANK, Principal, PrincipalKind, principal_of
from chatsphere.core.query import FIELDS, read_filters

BUDGETS = ("budget_per_day", "visitor_budget_per_day")


def _require_purse(principal: Principal, given: Mapping[str, Any]) -> None:
    """Money is the admins' and owners' to decide, in person."""
    if any(name in given for name in BUDGETS) and (
        principal.kind is not PrincipalKind.PERSON or ROLE_RANK.get(principal.role, -1) < ROLE_RANK["admin"]
    ):
        raise Forbidden(_("Only admins and owners set budgets, signed in as persons."))


class ChatbotList(GenericAPIView[Chatbot]):
    """The chatbots of a workspace."""

    scope = "chatbots"
    serializer_class = ChatbotSerializer
    ordering_fields = ("created_at", "updated_at", "name")

    @extend_schema(
        operation_id="chatbots_list",
        parameters=[ChatbotFilters, FIELDS],
        responses={200: ChatbotSerializer(many=True)},
        tags=["chatbots"],
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        chatbots = Chatbot.objects.visible_to(principal_of(request)).with_details()
        page = self.paginate_queryset(_narrowed(chatbots, read_filters(request, ChatbotFilters)))
        return self.get_paginated_response(ChatbotSerializer(page, many=True, context={"request": request}).data)

    @extend_schema(
        operation_id="chatbots_create",
        request=ChatbotInput,
        responses={201: ChatbotSerializer},
        tags=["chatbots"],
    )
    def post(self, request: Request) -> Response:
        """Make a chatbot; it answers as soon as it has been trained."""
        principal = principal_of(request)
        if principal.chatbot_ids is not None:
            raise Forbidden(_("This key is bound to certain chatbots and cannot make new ones."))
        body = ChatbotInput(data=request.data)
        body.is_valid(raise_exception=True)
        _require_purse(principal, body.validated_data)
        chatbot = actions.create_chatbot(workspace_id=principal.workspace_id, **body.validated_data)
        return _shown(request, chatbot.pk, status=201)


class ChatbotDetail(GenericAPIView[Chatbot]):
    """One chatbot."""

    scope = "chatbots"
    serializer_class = ChatbotSerializer

    @extend_schema(
        operation_id="chatbots_retrieve", parameters=[FIELDS], responses={200: ChatbotSerializer}, tags=["chatbots"]
    )
    def get(self, request: Request, chatbot_id: UUID) -> Response:
        """The chatbot, with its ETag."""
        return _shown(request, chatbot_id)

    @extend_schema(
        operation_id="chatbots_partial_update",
        parameters=[IF_MATCH],
        request=ChatbotInput,
        responses={200: ChatbotSerializer},
        tags=["chatbots"],
    )
    def patch(self, request: Request, chatbot_id: UUID) -> Response:
        """Change what you name. Keys of `configuration` are merged; null takes a key back to its default."""
        return self._update(request, chatbot_id, partial=True)

    @extend_schema(
        operation_id="chatbots_update",
        parameters=[IF_MATCH],
        request=ChatbotInput,
        responses={200: ChatbotSerializer},
        tags=["chatbots"],
    )
    def put(self, request: Request, chatbot_id: UUID) -> Response:
        """Replace name, activity and the whole configuration; the slug stays unless you name one."""
        return self._update(request, chatbot_id, partial=False)

    @extend_schema(operation_id="chatbots_destroy", parameters=[IF_MATCH], responses={204: None}, tags=["chatbots"])
    def delete(self, request: Request, chatbot_id: UUID) -> Response:
        """It answers nothing from now on. Operators can restore it for seven days."""
        chatbot = _get(principal_of(request), chatbot_id)
        actions.delete_chatbot(
            workspace_id=chatbot.workspace_id,
            chatbot_id=chatbot.pk,
            if_match=if_match_of(request),
            actor=actor_of(request),
        )
        return Response(status=204)

    def _update(self, request: Request, chatbot_id: UUID, *, partial: bool) -> Response:
        chatbot = _get(principal_of(request), chatbot_id)
        body = ChatbotInput(data=request.data, partial=partial)
        body.is_valid(raise_exception=True)
        _require_purse(principal_of(request), body.validated_data)
        unnamed: dict[str, Any] = {} if partial else {"is_active": True, "configuration": {}}
        changed = actions.update_chatbot(
            workspace_id=chatbot.workspace_id,
            chatbot_id=chatbot.pk,
            changes={**unnamed, **body.validated_data},
            replace_configuration=not partial,
            if_match=if_match_of(request),
        )
        return _shown(request, chatbot_id, warnings=training_warnings(chatbot, changed))


class VersionList(GenericAPIView[ChatbotVersion]):
    """The versions of a chatbot."""

    scope = "chatbots"
    serializer_class = VersionSerializer

    @extend_schema(
        operation_id="chatbots_versions_list", responses={200: VersionSerializer(many=True)}, tags=["chatbots"]
    )
    def get(self, request: Request, chatbot_id: UUID) -> Response:
        """Newest first."""
        chatbot = _get(principal_of(request), chatbot_id)
        page = self.paginate_queryset(chatbot.versions.select_related("chatbot"))
        return self.get_paginated_response(VersionSerializer(page, many=True).data)

    @extend_schema(
        operation_id="chatbots_versions_create",
        request=VersionInput,
        responses={201: VersionSerializer},
        tags=["chatbots"],
    )
    def post(self, request: Request, chatbot_id: UUID) -> Response:
        """Freeze the present configuration under the next number. Publish it to let it answer."""
        principal = principal_of(request)
        chatbot = _get(principal, chatbot_id)
        body = VersionInput(data=request.data)
        body.is_valid(raise_exception=True)
        version = actions.create_version(
            workspace_id=chatbot.workspace_id,
            chatbot_id=chatbot.pk,
            created_by=principal.user_id,
            **body.validated_data,
        )
        return Response(VersionSerializer(version).data, status=201)


class VersionPublish(GenericAPIView[ChatbotVersion]):
    """Letting a version answer."""

    scope = "chatbots"
    serializer_class = VersionSerializer
    roll_back = False

    @extend_schema(
        operation_id="chatbots_versions_publish",
        request=None,
        responses={200: VersionSerializer},
        tags=["chatbots"],
    )
    def post(self, request: Request, chatbot_id: UUID, number: int) -> Response:
        """This version answers from now on."""
        return _publish(request, chatbot_id, number, roll_back=False)


class VersionRollback(GenericAPIView[ChatbotVersion]):
    """Going back to an earlier version."""

    scope = "chatbots"
    serializer_class = VersionSerializer

    @extend_schema(
        operation_id="chatbots_versions_rollback",
        request=None,
        responses={200: VersionSerializer},
        tags=["chatbots"],
    )
    def post(self, request: Request, chatbot_id: UUID, number: int) -> Response:
        """This version answers from now on, and the editable configuration becomes what it was then."""
        return _publish(request, chatbot_id, number, roll_back=True)


def _get(principal: Principal, chatbot_id: UUID) -> Chatbot:
    chatbot: Chatbot | None = Chatbot.objects.visible_to(principal).filter(pk=chatbot_id).first()
    if chatbot is None:
        raise NotFound
    return chatbot


def _shown(request: Request, chatbot_id: UUID, *, status: int = 200, warnings: Sequence[str] = ()) -> Response:
    chatbots = Chatbot.objects.visible_to(principal_of(request)).with_details()
    chatbot = chatbots.filter(pk=chatbot_id).first()
    if chatbot is None:
        raise NotFound
    context = {"request": request, "warnings": list(warnings)}
    return with_etag(Response(ChatbotSerializer(chatbot, context=context).data, status=status), chatbot)


def _publish(request: Request, chatbot_id: UUID, number: int, *, roll_back: bool) -> Response:
    chatbot = _get(principal_of(request), chatbot_id)
    version = actions.publish_version(
        workspace_id=chatbot.workspace_id,
        chatbot_id=chatbot.pk,
        number=number,
        roll_back=roll_back,
        actor=actor_of(request),
    )
    return Response(VersionSerializer(version).data)


def _narrowed(chatbots: QuerySet[Chatbot], filters: dict[str, Any]) -> QuerySet[Chatbot]:
    conditions = {"is_active": "is_active", "slug": "slug", "search": "name__icontains"}
    return chatbots.filter(**{conditions[name]: value for name, value in filters.items()})
