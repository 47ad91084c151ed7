"""A chatbot that knows three sentences, a model that says what it is told, and async clients of Alice and Charlie."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _own_engines() -> Iterator[None]:
    from chatsphere.apps.conversations import remembered
    from chatsphere.core import engines

    engines.forget()
    remembered.embeddings.clear()
    yield
    engines.forget()


@pytest.fixture(autouse=True)
async def _end_of_process() -> AsyncIterator[None]:
    """What a web process does at its end."""
    from tests.apps.conversations.world import close_process

    yield
    await close_process()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Any:
    from chatsphere.core import engines
    from tests.apps.conversations.world import ScriptedModel

    scripted = ScriptedModel()
    monkeypatch.setattr(engines, "chat_model", lambda name="": scripted)
    return scripted


@pytest.fixture
def chatbot(alice: Any) -> Any:
    from tests.apps.conversations.world import make_chatbot

    return make_chatbot(alice.default_workspace)


@pytest.fixture
def token_of() -> Callable[[Any], str]:
    from chatsphere.apps.users.actions import open_session

    return lambda person: open_session(user=person).access


@pytest.fixture
def caller(alice: Any, token_of: Callable[[Any], str]) -> Any:
    """Alice."""
    from tests.apps.conversations.world import Caller

    return Caller(token_of(alice))


@pytest.fixture
def stranger(charlie: Any, token_of: Callable[[Any], str]) -> Any:
    """Charlie."""
    from tests.apps.conversations.world import Caller

    return Caller(token_of(charlie))
