"""A chatbot that knows three sentences, a test set for it, and a model that says what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _own_engines() -> Iterator[None]:
    from chatsphere.core import engines

    engines.forget()
    yield
    engines.forget()


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
def test_set(chatbot: Any) -> Any:
    """Two questions that the documents answer and one that they do not."""
    from chatsphere.apps.evaluation.actions import add_questions, create_test_set

    made = create_test_set(chatbot=chatbot, name="Basics")
    questions = [
        {"question": "Where are the spare chargers kept?", "answers": ["locker B-17"]},
        {"question": "What is the office dog called?", "passages": [{"quote": "The office dog is called Biscuit"}]},
        {"question": "Which river flows through Vientiane?", "expects": "refusal"},
    ]
    add_questions(test_set=made, questions=questions, origin="written")
    made.refresh_from_db()
    return made


@pytest.fixture
def evaluated() -> Callable[..., Any]:
    """Starts an evaluation and does it here, as a worker would."""
    import time

    from chatsphere.apps.evaluation import worker
    from chatsphere.apps.evaluation.actions import start_evaluation

    def run(test_set: Any, version: Any = None) -> Any:
        evaluation = start_evaluation(test_set=test_set, version=version)
        while worker.work(str(evaluation.pk), ends_at=time.monotonic() + 60):
            pass
        evaluation.refresh_from_db()
        return evaluation

    return run
