"""A cancelled run stops at whatever step it is, leaves nothing, and holds nobody up."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from chatsphere.apps.training import actions, knowledge, together
from chatsphere.apps.training.material import Material
from chatsphere.apps.training.models import Document, Run, TrainingSource
from chatsphere.apps.training.reconcile import reconcile
from chatsphere.core import engines
from tests.apps.training.world import make_source, says, work

pytestmark = pytest.mark.django_db(transaction=True)


def cancel_elsewhere(source: TrainingSource) -> None:
    """As the API does it: on a connection of its own."""

    def cancel() -> None:
        try:
            actions.cancel_source(source=source)
        finally:
            connection.close()

    thread = Thread(target=cancel)
    thread.start()
    thread.join()


def before(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, call: int, act: Callable[[], None]) -> None:
    """Do something before the n-th call of a function."""
    function, calls = getattr(owner, name), []

    def wrapped(*arguments: Any, **named: Any) -> Any:
        calls.append(name)
        if len(calls) == call:
            act()
        return function(*arguments, **named)

    monkeypatch.setattr(owner, name, wrapped)


def step(name: str, *, alone: bool) -> tuple[Any, str, int]:
    """Where a step begins: the function, and which of its calls."""
    hold = "hold" if alone else "hold_all"
    return {
        "read": (Material, "read", 1),
        "store": (knowledge, hold, 1),
        "embed": (type(engines.embedder()), "embed_passages", 1),
        "finish": (knowledge, hold, 2),
    }[name]


@pytest.mark.parametrize("most", [1, 16])
@pytest.mark.parametrize("name", ["read", "store", "embed", "finish"])
def test_cancel_cancels(name: str, most: int, chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "MOST", most)
    sources = [make_source(chatbot, f"# Page {number}\n\nAbout topic{number}.") for number in range(2)]
    if most == 1:
        Run.objects.update(priority=10)  # each goes through all steps in one turn
    owner, function, call = step(name, alone=most == 1)
    before(monkeypatch, owner, function, call, lambda: cancel_elsewhere(sources[0]))
    work()
    states = [TrainingSource.objects.get(pk=source.pk).status for source in sources]
    assert states == ["cancelled", "ready"]
    assert Document.objects.filter(source=sources[0]).count() == 0
    assert not says(chatbot, "topic0", "topic0")
    assert says(chatbot, "topic1", "topic1")
    assert reconcile().is_clean
