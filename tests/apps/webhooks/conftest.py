"""A receiver and an endpoint of Alice's that leads to it. Nothing of Django is imported here at the top."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.apps.webhooks.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def subscribe(alice: Any, receiver: Receiver) -> Callable[..., Any]:
    """Make an endpoint of Alice's; without more it hears of everything."""
    from chatsphere.apps.webhooks.actions import create_endpoint

    def make(path: str = "/", **more: Any) -> Any:
        values = {"url": f"{receiver.url}{path}", "events": ["*"], **more}
        return create_endpoint(workspace_id=alice.default_workspace_id, **values)

    return make


@pytest.fixture
def happen(alice: Any) -> Callable[..., None]:
    """Announce something in Alice's workspace."""
    from django.db import transaction

    from chatsphere.apps.webhooks.actions import announce

    def announce_it(kind: str = "chatbot.created", *, person: Any = None, **more: Any) -> None:
        values = {"payload": {"note": "hello"}, **more}
        with transaction.atomic():
            announce(workspace_id=(person or alice).default_workspace_id, type=kind, **values)

    return announce_it


@pytest.fixture
def work() -> Callable[[], None]:
    """What a worker does on a hint: deliveries for new events, then everything that is due."""
    import time

    from chatsphere.apps.webhooks.dispatch import dispatch
    from chatsphere.apps.webhooks.fan_out import fan_out

    def run() -> None:
        fan_out()
        assert dispatch(time.monotonic() + 30)

    return run
