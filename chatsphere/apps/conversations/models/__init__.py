"""Who asked what, what was answered, and on what grounds."""

from chatsphere.apps.conversations.models.conversation import Conversation, Visitor
from chatsphere.apps.conversations.models.message import Citation, Feedback, Message, Trace
from chatsphere.apps.conversations.models.news import News
from chatsphere.apps.conversations.models.privacy import Erasure, PrivacyRequest

__all__ = ["Citation", "Conversation", "Erasure", "Feedback", "Message", "News", "PrivacyRequest", "Trace", "Visitor"]
