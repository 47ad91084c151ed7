"""Who asked what, what was answered, and on what grounds."""

from chatsphere.apps.conversations.models.conversation import Conversation, Visitor
from chatsphere.apps.conversations.models.message import Citation, Feedback, Message, Trace

__all__ = ["Citation", "Conversation", "Feedback", "Message", "Trace", "Visitor"]
