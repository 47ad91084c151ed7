"""What must hold before a version answers. Rooms above register their checks; this one knows none of them."""

from __future__ import annotations

from collections.abc import Callable

from chatsphere.apps.chatbots.models import Chatbot, ChatbotVersion

Check = Callable[[Chatbot, ChatbotVersion], None]

_checks: list[Check] = []


def before_publishing(check: Check) -> None:
    """``check`` is called, outside any transaction of ours, before each publishing of another version; it raises Conflict to refuse.

    Rolling back is never refused: it is what people do when something is wrong.
    """
    if check not in _checks:
        _checks.append(check)


def require_publishable(chatbot: Chatbot, version: ChatbotVersion) -> None:
    """Ask every check. Raises Conflict, of the first that refuses."""
    for check in _checks:
        check(chatbot, version)
