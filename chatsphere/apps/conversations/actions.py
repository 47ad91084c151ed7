"""What people do to conversations, apart from asking."""

from __future__ import annotations

from django.db import connection, transaction
from django.utils.translation import gettext as _

from chatsphere.apps.conversations.handoff import hand_off as hand_off
from chatsphere.apps.conversations.handoff import take_back as take_back
from chatsphere.apps.conversations.models import Conversation, Feedback, Message
from chatsphere.apps.conversations.trail import record_deed
from chatsphere.apps.webhooks.actions import announce
from chatsphere.core.exceptions import Conflict
from chatsphere.services.sql import statements


@transaction.atomic
def delete_conversation(*, conversation: Conversation) -> None:
    """Delete a conversation with all that hangs on it, in the database itself (its keys cascade). Runs that still answer in it find no row
    and end; the usage ledger keeps its lines."""
    ids = {"id": conversation.pk, "workspace_id": conversation.workspace_id}
    with connection.cursor() as cursor:
        cursor.execute(statements("chatsphere.apps.conversations")["delete_conversation"], ids)
    record_deed("conversation.deleted", conversation)


@transaction.atomic
def give_feedback(*, message: Message, rating: str, comment: str) -> Feedback:
    """Rate an answer; a second rating takes the place of the first. Announces ``message.feedback``. Raises Conflict for other messages."""
    if message.role != Message.Role.ASSISTANT or message.state == Message.State.PENDING:
        raise Conflict(_("Only a finished answer of the chatbot can be rated."), type="not_an_answer")
    feedback: Feedback = Feedback.objects.update_or_create(
        message_id=message.pk,
        defaults={"rating": rating, "comment": comment},
        create_defaults={"rating": rating, "comment": comment, "workspace_id": message.workspace_id},
    )[0]
    announce(
        workspace_id=message.workspace_id,
        type="message.feedback",
        chatbot_id=message.chatbot_id,
        object_id=message.pk,
        payload={
            "message_id": str(message.pk),
            "conversation_id": str(message.conversation_id),
            "rating": rating,
            "comment": comment,
        },
    )
    return feedback
