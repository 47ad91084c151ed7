"""Visitors at their own conversation: a page's key, or a server's that may only chat, with the conversation's id as it may go on with it.

Who may not is told 404, like whoever asks for what is not there. Shown is what stands in the conversation; why it was handed over, traces, models
and costs are for those who may read conversations.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.request import Request

from chatsphere.apps.chatbots.configuration import Configuration, read_configuration
from chatsphere.apps.conversations.models import Conversation, News
from chatsphere.apps.conversations.origins import check_origin
from chatsphere.apps.conversations.question import Question
from chatsphere.apps.conversations.selectors import conversations_for
from chatsphere.apps.conversations.visitors import check_visitor, claim_of, visitor_charges
from chatsphere.core.addresses import client_address, limited_as
from chatsphere.core.exceptions import NotFound
from chatsphere.core.principal import Principal, PrincipalKind, principal_of
from chatsphere.core.rates import Charge, rate
from chatsphere.core.throttling import admit


def is_visitor(principal: Principal) -> bool:
    """Whether somebody sees of conversations what a visitor sees."""
    return not principal.may(scope="conversations:read", role="viewer")


def reading_charges(request: Any, principal: Principal) -> list[Charge]:
    """What a page's reading costs: its address has a limit, so that it does not use up that of the key, which all visitors share."""
    if principal.kind is not PrincipalKind.PUBLISHABLE_KEY:
        return []
    address = limited_as(client_address(request))
    return [Charge(rate("visitor_reads"), f"{principal.workspace_id.hex}:{address}")]


def visited(request: Request, conversation_id: UUID) -> tuple[Conversation, Configuration]:
    """The conversation of a visitor who reads it, and how its chatbot is set up. Raises NotFound, Forbidden (origin), Unauthenticated (no
    visitor token where the chatbot asks for one), Throttled."""
    principal = principal_of(request)
    charges = reading_charges(request, principal)
    if charges:
        admit(request, charges)
    rows = conversations_for(principal).select_related("chatbot__published_version")
    found: Conversation | None = rows.filter(pk=conversation_id).first()
    if found is None:
        raise NotFound
    published = found.chatbot.published_version
    configuration = read_configuration((published or found.chatbot).configuration)
    asked = Question(principal=principal, text="", origin=request.headers.get("Origin"))
    check_origin(asked, configuration)
    check_visitor(principal, configuration)
    return found, configuration


def admit_wish(request: Request) -> None:
    """A visitor's wish for a person counts as one of their messages. Raises Throttled."""
    principal = principal_of(request)
    charges = visitor_charges(request, principal, claim_of(principal, None))
    if charges:
        admit(request, charges)


def shown_conversation(conversation: Conversation, configuration: Configuration) -> dict[str, Any]:
    """What ``VisitedConversationSerializer`` describes. One query."""
    news = News.objects.in_workspace(conversation.workspace_id).filter(conversation_id=conversation.pk)
    return {
        "id": str(conversation.pk),
        "chatbot": str(conversation.chatbot_id),
        "state": conversation.state,
        "handed_off_at": conversation.handed_off_at,
        "can_hand_off": configuration.handoff != "off",
        "last_event": news.order_by("-number").values_list("number", flat=True).first() or 0,
        "messages_count": conversation.messages_count,
        "created_at": conversation.created_at,
        "last_message_at": conversation.last_message_at,
    }
