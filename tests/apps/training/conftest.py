"""Fixtures of the training tests."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _uploads_in_a_folder_of_their_own(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def chatbot(alice: Any) -> Any:
    from tests.apps.training.world import make_chatbot  # models can be imported only after Django is set up

    return make_chatbot(alice)
