"""Reading conversations: who sees which, and the filters of lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Exists, OuterRef, Q, QuerySet

from chatsphere.apps.conversations.models import Conversation, Feedback, Message
from chatsphere.core.principal import Principal, PrincipalKind
from chatsphere.services.types import FinishReason

PUBLIC_CHANNEL = Conversation.Channel.WIDGET.value  # what publishable keys begin, and all that they may read


def is_in_reach(principal: Principal, *, chatbot_id: UUID, channel: str | None, owner: str | None) -> bool:
    """Whether somebody may come near a conversation of this chatbot and channel, or its messages. A browser's key stays among what such
    keys began: what a server asked may rest on passages that no page may show. ``owner`` is the external id of the verified visitor whose
    conversation it is: such a visitor sees their own ones only, and a page without their token none of theirs."""
    is_page = principal.kind is PrincipalKind.PUBLISHABLE_KEY
    is_own = principal.visitor.external_id == owner if principal.visitor else not (is_page and owner is not None)
    return principal.may_use_chatbot(chatbot_id) and (channel == PUBLIC_CHANNEL or not is_page) and is_own


def conversations_for(principal: Principal) -> QuerySet[Any]:
    """The conversations that somebody may see: of the workspace, of chatbots that live, of the chatbots of a bound key."""
    rows: QuerySet[Any] = Conversation.objects.in_workspace(principal.workspace_id).filter(chatbot__deleted_at=None)
    if principal.chatbot_ids is not None:
        rows = rows.filter(chatbot_id__in=principal.chatbot_ids)
    if principal.kind is PrincipalKind.PUBLISHABLE_KEY:
        rows = rows.filter(channel=PUBLIC_CHANNEL)
    return rows.filter(_of_visitor(principal, "visitor__"))


def messages_for(principal: Principal) -> QuerySet[Any]:
    """The messages that somebody may see, by the same rule."""
    rows: QuerySet[Any] = Message.objects.in_workspace(principal.workspace_id).filter(chatbot__deleted_at=None)
    if principal.chatbot_ids is not None:
        rows = rows.filter(chatbot_id__in=principal.chatbot_ids)
    if principal.kind is PrincipalKind.PUBLISHABLE_KEY:
        rows = rows.filter(conversation__channel=PUBLIC_CHANNEL)
    return rows.filter(_of_visitor(principal, "conversation__visitor__"))


def _of_visitor(principal: Principal, path: str) -> Q:
    """A verified visitor's own rows; a page without their token gets those of no verified visitor; everybody else all."""
    if principal.visitor is not None:
        return Q(**{f"{path}is_verified": True, f"{path}external_id": principal.visitor.external_id})
    if principal.kind is PrincipalKind.PUBLISHABLE_KEY:
        return Q(**{f"{path}id": None}) | Q(**{f"{path}is_verified": False})
    return Q()


def filter_conversations(rows: QuerySet[Any], wanted: Mapping[str, Any]) -> QuerySet[Any]:
    """Narrow a list by the validated filters of ``ConversationFilters``."""
    plain = {_COLUMNS[name]: value for name, value in wanted.items() if name in _COLUMNS}
    rows = rows.filter(**plain)
    if wanted.get("search"):
        rows = rows.filter(pk__in=_saying(wanted["search"]))
    for name, exists in _EXISTING.items():
        if wanted.get(name) is not None:
            rows = rows.filter(exists) if wanted[name] else rows.exclude(exists)
    return rows


def _saying(text: str) -> QuerySet[Any]:
    """The conversations with a message that has all these words (with quotes: this phrase, with -: not this word), in any language."""
    asked = SearchQuery(text, config="simple", search_type="websearch")
    said = Message.objects.annotate(words=SearchVector("content", config="simple")).filter(
        words=asked, state="complete"
    )
    found: QuerySet[Any] = said.values("conversation_id")
    return found


_COLUMNS = {
    "chatbot": "chatbot_id",
    "visitor": "visitor__external_id",
    "channel": "channel",
    "since": "created_at__gte",
    "until": "created_at__lt",
}
_EXISTING = {
    "has_feedback": Exists(Feedback.objects.filter(message__conversation_id=OuterRef("pk"))),
    "unanswered": Exists(
        Message.objects.filter(conversation_id=OuterRef("pk"), finish_reason=FinishReason.REFUSED_NO_CONTEXT.value)
    ),
}
