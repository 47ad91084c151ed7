"""What the tests of models share: passages, a real embedder server, a stub of a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from chatsphere.services.types import SearchHit
from tests.stubs.embedder_process import running_embedder
from tests.stubs.openai_stub import OpenAIStub, running_stub


@pytest.fixture
def passage() -> Callable[..., SearchHit]:
    def make(text: str, *, number: int = 1, title: str = "Handbook", char_start: int = 0) -> SearchHit:
        one = UUID(int=number)
        return SearchHit(
            one,
            one,
            one,
            title,
            "",
            None,
            (),
            text,
            char_start,
            char_start + len(text),
            dense=0.6,
            sparse=5.0,
            fused=1.0,
        )

    return make


@pytest.fixture
def provider() -> Iterator[tuple[OpenAIStub, str]]:
    with running_stub() as stub:
        yield stub


@pytest.fixture(scope="session")
def embedder_socket() -> Iterator[Path]:
    with running_embedder() as path:
        yield path
