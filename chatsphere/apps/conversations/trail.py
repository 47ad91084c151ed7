"""What people do to conversations, in the audit trail."""

from __future__ import annotations

from chatsphere.apps.conversations.models import Conversation
from chatsphere.apps.users import audit


def record_deed(action: str, conversation: Conversation) -> None:
    """One line of the trail by whoever acts in this request; call it inside the transaction of the deed."""
    audit.record(
        audit.current(),
        action,
        workspace_id=conversation.workspace_id,
        object_type="conversation",
        object_id=conversation.pk,
        details={"chatbot": str(conversation.chatbot_id)},
    )
