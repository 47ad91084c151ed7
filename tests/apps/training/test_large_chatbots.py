"""The clock makes searches in large chatbots fast, a step a transaction."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from chatsphere.apps.training import large_chatbots, tasks
from chatsphere.apps.training.database import engine_connection
from chatsphere.apps.training.models import ChunkTerms, Embedding, Run, TrainingSource, VectorCell
from chatsphere.core import engines
from chatsphere.services.types import EmbeddingModel
from chatsphere.services.vector_store import large_chatbots as engine
from chatsphere.services.vector_store.base import ChatbotRef
from tests.apps.conversations.world import teach

pytestmark = pytest.mark.django_db


@pytest.fixture
def taught(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(engine, "LARGE", 1)
    monkeypatch.setattr(engine, "MOST_FRESH", 0)
    teach(chatbot)
    ids = ChunkTerms.objects.filter(chatbot=chatbot).values_list("chunk_id", flat=True)
    rows = [(chunk_id, np.eye(4, dtype=np.float32)[number % 4]) for number, chunk_id in enumerate(ids)]
    ref = ChatbotRef(chatbot.workspace_id, chatbot.pk)
    model = EmbeddingModel("test:4", 4, 256)
    engines.vector_store().add_vectors(engine_connection(), chatbot=ref, model=model, vectors=rows, is_live=True)
    return chatbot


def test_the_task_indexes_words_and_vectors(taught: Any) -> None:
    tasks.index_large_chatbots()
    assert not ChunkTerms.objects.filter(chatbot=taught, is_indexed=False).exists()
    assert not Embedding.objects.filter(chatbot=taught, cell=-1).exists()
    assert VectorCell.objects.filter(chatbot=taught).exists()


def test_a_deadline_that_has_passed_leaves_the_rest_for_later(taught: Any) -> None:
    assert large_chatbots.index_until(time.monotonic() - 1)
    assert not large_chatbots.index_until(time.monotonic() + 60)


def test_a_chatbot_whose_documents_have_just_begun_to_come_in_is_indexed_a_minute_later(taught: Any) -> None:
    source = TrainingSource.objects.create(
        workspace_id=taught.workspace_id, chatbot=taught, source_type="text", name="More", options={"content": "More."}
    )
    run = Run.objects.create(workspace_id=taught.workspace_id, chatbot=taught, source=source)
    tasks.index_large_chatbots()
    assert not VectorCell.objects.filter(chatbot=taught).exists()
    Run.objects.filter(pk=run.pk).update(created_at=run.created_at - timedelta(minutes=2))
    tasks.index_large_chatbots()
    assert VectorCell.objects.filter(chatbot=taught).exists()
