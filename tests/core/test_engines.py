"""Engines that a web process makes before its first question."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from chatsphere.core import engines


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    engines.forget()
    yield
    engines.forget()


def test_all_engines_of_the_deployment_are_made(settings: Any) -> None:
    settings.EMBEDDING_MODEL, settings.CHAT_MODEL = "hashing:256", "extractive"
    engines.make_all()
    made = engines.made()
    assert {engines.embedder(), engines.chat_model(), engines.vector_store()} <= set(made)


def test_an_engine_that_cannot_be_made_is_told_and_keeps_none_of_the_others(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMBEDDING_MODEL, settings.CHAT_MODEL = "hashing:256", "nobody:knows"
    engines.make_all()
    assert "nobody:knows" in caplog.text
    assert engines.vector_store() in engines.made()


@pytest.mark.parametrize(("model", "is_loaded"), [("openai:stub", True), ("extractive", False)])
def test_a_web_process_has_loaded_what_its_first_question_needs(model: str, *, is_loaded: bool) -> None:
    told = "import sys, chatsphere.config.asgi; print('openai' in sys.modules)"
    environment = {
        "DJANGO_SETTINGS_MODULE": "chatsphere.config.settings.development",
        "CHAT_MODEL": model,
        "EMBEDDING_MODEL": "hashing:256",
        "OPENAI_API_KEY": "key",
    }
    found = subprocess.run([sys.executable, "-c", told], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(is_loaded)
