"""Conversations and messages over HTTP, apart from asking."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from django.utils.translation import gettext as _
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.conversations import actions, handoff
from chatsphere.apps.conversations.models import Citation, Conversation, Message
from chatsphere.apps.conversations.selectors import conversations_for, filter_conversations, messages_for
from chatsphere.apps.conversations.serializers import (
    AgentMessageSerializer,
    ConversationFilters,
    ConversationSerializer,
    FeedbackRequestSerializer,
    FeedbackSerializer,
    HandoffSerializer,
    MessageFilters,
    MessageSerializer,
    TraceSerializer,
    VisitedConversationSerializer,
    VisitedMessageSerializer,
)
from chatsphere.apps.conversations.traces import shown_trace
from chatsphere.apps.conversations.visitor_door import admit_wish, is_visitor, shown_conversation, visited
from chatsphere.core.exceptions import Forbidden, NotFound
from chatsphere.core.principal import principal_of
from chatsphere.core.query import read_filters

TAGS = ["conversations"]
SHOWN = PolymorphicProxySerializer(
    component_name="ShownConversation",
    serializers=[ConversationSerializer, VisitedConversationSerializer],
    resource_type_field_name=None,
)
SHOWN_MESSAGE = PolymorphicProxySerializer(
    component_name="ShownMessage",
    serializers=[MessageSerializer, VisitedMessageSerializer],
    resource_type_field_name=None,
    many=True,
)


class ConversationList(GenericAPIView[Conversation]):
    """The conversations of a workspace."""

    scope = "conversations"
    serializer_class = ConversationSerializer
    ordering_fields = ("created_at", "last_message_at")

    @extend_schema(
        operation_id="conversations_list",
        parameters=[ConversationFilters],
        responses={200: ConversationSerializer(many=True)},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        rows = filter_conversations(
            conversations_for(principal_of(request)), read_filters(request, ConversationFilters)
        )
        page = self.paginate_queryset(rows.select_related("visitor"))
        return self.get_paginated_response(ConversationSerializer(page, many=True).data)


class ConversationDetail(GenericAPIView[Conversation]):
    """One conversation."""

    scope = "conversations"
    visitors_may = ("GET",)
    serializer_class = ConversationSerializer

    @extend_schema(operation_id="conversations_retrieve", responses={200: SHOWN}, tags=TAGS)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """Without its messages. A key with the scope `chat` alone, such as a page's, gets what a visitor may see."""
        if is_visitor(principal_of(request)):
            return Response(shown_conversation(*visited(request, conversation_id)))
        return Response(ConversationSerializer(_conversation(request, conversation_id)).data)

    @extend_schema(operation_id="conversations_destroy", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, conversation_id: UUID) -> Response:
        """Delete it with its messages, citations and feedback."""
        actions.delete_conversation(conversation=_conversation(request, conversation_id))
        return Response(status=204)


class ConversationMessages(GenericAPIView[Message]):
    """The messages of a conversation."""

    scope = "conversations"
    visitors_may = ("GET",)
    serializer_class = MessageSerializer
    ordering = "id"
    ordering_fields = ("id", "created_at")

    @extend_schema(
        operation_id="conversations_messages",
        parameters=[MessageFilters],
        responses={200: SHOWN_MESSAGE},
        tags=TAGS,
    )
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """Oldest first; regenerated answers stand beside each other with the same parent. A key with the scope `chat` alone, such as a
        page's, gets what a visitor may see."""
        if is_visitor(principal_of(request)):
            conversation, _configuration = visited(request, conversation_id)
        else:
            conversation = _conversation(request, conversation_id)
        rows = messages_for(principal_of(request)).filter(conversation_id=conversation.pk)
        filters = read_filters(request, MessageFilters)
        if "after" in filters:
            rows = rows.filter(pk__gt=filters["after"])
        in_order = Prefetch("citations", Citation.objects.order_by("index"))
        if is_visitor(principal_of(request)):
            page = self.paginate_queryset(rows.prefetch_related(in_order))
            return self.get_paginated_response(VisitedMessageSerializer(page, many=True).data)
        page = self.paginate_queryset(rows.select_related("feedback").prefetch_related(in_order))
        return self.get_paginated_response(MessageSerializer(page, many=True).data)

    @extend_schema(
        operation_id="conversations_write_as_person",
        request=AgentMessageSerializer,
        responses={201: MessageSerializer},
        tags=TAGS,
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """What a person writes in a conversation that was handed over to them; its role is `agent`."""
        conversation = _conversation(request, conversation_id)
        body = AgentMessageSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        message = handoff.write_as_person(
            workspace_id=conversation.workspace_id,
            conversation_id=conversation.pk,
            author_id=principal_of(request).user_id,
            content=body.validated_data["content"],
        )
        return Response(MessageSerializer(message).data, status=201)


class ConversationHandoff(GenericAPIView[Conversation]):
    """Over to a person."""

    scope = "conversations"
    visitors_may = ("POST",)
    serializer_class = ConversationSerializer

    @extend_schema(
        operation_id="conversations_handoff",
        request=HandoffSerializer,
        responses={200: SHOWN},
        tags=TAGS,
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """The chatbot answers no more until the conversation is given back. `conversation.handoff` tells reason, summary and transcript.
        A visitor (a key with the scope `chat` alone) may ask for a person so, unless the chatbot's `handoff` is `off`: 403."""
        body = HandoffSerializer(data=request.data)
        if not principal_of(request).may(scope="conversations:write", role="editor"):
            return self._asked_by_visitor(request, conversation_id, body)
        conversation = _conversation(request, conversation_id)
        body.is_valid(raise_exception=True)
        handoff.hand_off(workspace_id=conversation.workspace_id, conversation_id=conversation.pk, **body.validated_data)
        return Response(ConversationSerializer(_conversation(request, conversation_id)).data)

    def _asked_by_visitor(self, request: Request, conversation_id: UUID, body: HandoffSerializer) -> Response:
        conversation, configuration = visited(request, conversation_id)
        body.is_valid(raise_exception=True)
        if configuration.handoff == "off":
            raise Forbidden(_("This chatbot does not hand conversations over to persons."), type="handoff_off")
        admit_wish(request)
        wish = {**body.validated_data, "reason": body.validated_data["reason"] or handoff.ASKED}
        changed = handoff.hand_off(workspace_id=conversation.workspace_id, conversation_id=conversation.pk, **wish)
        return Response(shown_conversation(changed, configuration))


class ConversationReturn(GenericAPIView[Conversation]):
    """Back to the chatbot."""

    scope = "conversations"
    serializer_class = ConversationSerializer

    @extend_schema(
        operation_id="conversations_return", request=None, responses={200: ConversationSerializer}, tags=TAGS
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """The chatbot answers again."""
        conversation = _conversation(request, conversation_id)
        handoff.take_back(workspace_id=conversation.workspace_id, conversation_id=conversation.pk)
        return Response(ConversationSerializer(_conversation(request, conversation_id)).data)


class MessageFeedback(GenericAPIView[Any]):
    """What somebody thinks of an answer."""

    scope = "chat"
    write_role = "viewer"
    serializer_class = FeedbackSerializer

    @extend_schema(
        operation_id="message_feedback",
        request=FeedbackRequestSerializer,
        responses={200: FeedbackSerializer},
        tags=TAGS,
    )
    def post(self, request: Request, message_id: UUID) -> Response:
        """A second rating takes the place of the first."""
        message = _message(request, message_id)
        body = FeedbackRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(FeedbackSerializer(actions.give_feedback(message=message, **body.validated_data)).data)


class MessageTrace(GenericAPIView[Message]):
    """How an answer came about."""

    scope = "conversations"
    serializer_class = TraceSerializer

    @extend_schema(operation_id="message_trace", responses={200: TraceSerializer}, tags=TAGS)
    def get(self, request: Request, message_id: UUID) -> Response:
        """Search text, candidates with every score, the decision, the prompt, timings."""
        message = _message(request, message_id)
        trace = shown_trace(message)
        if trace is None:
            raise NotFound
        return Response(TraceSerializer(trace).data)


def _conversation(request: Request, conversation_id: UUID) -> Any:
    found = conversations_for(principal_of(request)).select_related("visitor").filter(pk=conversation_id).first()
    if found is None:
        raise NotFound
    return found


def _message(request: Request, message_id: UUID) -> Any:
    found = messages_for(principal_of(request)).filter(pk=message_id).first()
    if found is None:
        raise NotFound
    return found
