"""Chatbots to test with. Nothing of Django is imported here: conftest files are read before its settings are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def alices_chatbot(alice: Any) -> Any:
    from chatsphere.apps.chatbots.actions import create_chatbot

    return create_chatbot(workspace_id=alice.default_workspace_id, name="Help desk")


@pytest.fixture
def url() -> Callable[..., str]:
    """The path of a chatbot, and of what lies below it."""

    def make(chatbot: Any, below: str = "") -> str:
        return f"/api/v1/chatbots/{chatbot.pk}/{below}"

    return make
