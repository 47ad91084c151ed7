"""Which web pages may use a chatbot's publishable key."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.apps.conversations.question import Question
from chatsphere.core.exceptions import Forbidden


def check_origin(question: Question, configuration: Configuration) -> None:
    """Raise Forbidden when a browser's page is not among the chatbot's ``allowed_origins``. Servers and people are not asked."""
    if question.is_trusted or not configuration.allowed_origins:
        return
    if not any(is_allowed(question.origin or "", allowed) for allowed in configuration.allowed_origins):
        raise Forbidden(
            _("This web page may not use the chatbot. Add its origin to `allowed_origins`."), type="origin_not_allowed"
        )


def is_allowed(origin: str, allowed: str) -> bool:
    """``https://*.example.com`` allows each host below example.com, not example.com itself."""
    given, pattern = urlsplit(origin.lower()), urlsplit(allowed.lower())
    if given.scheme != pattern.scheme:
        return False
    if pattern.netloc.startswith("*."):
        return given.netloc.endswith(pattern.netloc[1:]) and len(given.netloc) > len(pattern.netloc) - 1
    return given.netloc == pattern.netloc
