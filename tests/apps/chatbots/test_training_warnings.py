"""A change that reaches the trained content only by a retraining is told in the answer to it."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.chatbots.models import Chatbot

pytestmark = pytest.mark.django_db


@pytest.fixture
def chatbot(alice: Any) -> Chatbot:
    made: Chatbot = Chatbot.objects.create(
        workspace=alice.default_workspace, name="Help", slug="help", embedding_model="hashing:256"
    )
    return made


def warnings_of(client: Any, chatbot: Chatbot, **configuration: Any) -> list[str]:
    answer = client.patch(f"/api/v1/chatbots/{chatbot.pk}/", {"configuration": configuration}, format="json")
    assert answer.status_code == 200, answer.content
    warnings: list[str] = answer.json()["warnings"]
    return warnings


def test_other_chunks_and_another_model_are_told_once(chatbot: Chatbot, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    [about_chunks] = warnings_of(client, chatbot, chunk_words=80)
    assert "keep their chunks" in about_chunks
    assert warnings_of(client, chatbot, chunk_words=80) == []
    [about_model] = warnings_of(client, chatbot, embedding_model="openai:text-embedding-3-small")
    assert "hashing:256" in about_model
    assert warnings_of(client, chatbot, embedding_model="hashing:256") == []
    assert warnings_of(client, chatbot, top_k=4) == []


def test_a_chatbot_that_was_never_trained_warns_of_nothing(chatbot: Chatbot, alice: Any, client_of: Any) -> None:
    Chatbot.objects.filter(pk=chatbot.pk).update(embedding_model="")
    assert warnings_of(client_of(alice), chatbot, chunk_words=80, embedding_model="hashing:128") == []


@pytest.mark.parametrize(
    "configuration",
    [{"chunk_words": 5}, {"chunk_words": 5_000}, {"embedding_model": "gpt"}, {"chunk_max_words": 1}],
)
def test_lengths_out_of_bounds_and_unknown_engines_are_refused(
    chatbot: Chatbot, alice: Any, client_of: Any, configuration: dict[str, Any]
) -> None:
    answer = client_of(alice).patch(f"/api/v1/chatbots/{chatbot.pk}/", {"configuration": configuration}, format="json")
    assert answer.status_code == 422
    assert any(next(iter(configuration)) in name for name in answer.json()["error"]["fields"])
