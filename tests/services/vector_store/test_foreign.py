"""Which questions are in another language than the documents, and which models can place them all the same."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest

from chatsphere.services.types import SearchRequest
from chatsphere.services.vector_store.foreign import is_foreign, reads_many
from chatsphere.services.vector_store.questions import read_question


@pytest.mark.parametrize(
    ("question", "languages", "expected"),
    [
        ("¿Puedo pagar con PayPal?", {"en": 40}, True),
        ("Wie hoch sind die Versandkosten?", {"en": 40}, True),
        ("Combien coûte la livraison ?", {"en-GB": 40}, True),
        ("Jak mogę zapłacić kartą?", {"en": 40}, True),
        ("Как оплатить?", {"en": 40}, True),
        ("如何付款?", {"de": 9}, True),
        ("ما هي تكلفة الشحن؟", {"en": 40}, True),
        ("How can I pay?", {"de": 40}, True),
        ("How can I pay?", {"en": 40}, False),
        ("Can I pay con PayPal?", {"en": 40}, False),
        ("PayPal?", {"en": 40}, False),
        ("Versandkosten", {"de": 40}, False),
        ("¿Puedo pagar con PayPal?", {"en": 40, "es": 2}, False),
        ("¿Puedo pagar con PayPal?", {"en": 40, "": 1}, True),  # one chunk of figures
        ("¿Puedo pagar con PayPal?", {"": 40, "en": 1}, False),
        ("¿Puedo pagar con PayPal?", {"en": 3, "es": -2}, True),  # statistics that lag behind
        ("¿Puedo pagar con PayPal?", {}, False),
        ("12345?", {"en": 40}, False),
    ],
)
def test_a_question_is_foreign_when_it_shows_another_language(
    question: str, languages: dict[str, int], expected: bool
) -> None:
    assert is_foreign(question, languages) is expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("openai:text-embedding-3-small", True),
        ("openai:text-embedding-3-large", True),
        ("openai:text-embedding-ada-002", True),
        ("openai:BAAI/bge-m3", True),
        ("openai:intfloat/multilingual-e5-large", True),
        ("local:multilingual-e5-small-q4", True),
        ("openai:embed-multilingual-v3.0", True),
        ("openai:jina-embeddings-v3", True),
        ("openai:voyage-multilingual-2", True),
        ("openai:gemini-embedding-001", True),
        ("openai:mistral-embed", True),
        ("local:all-minilm-l6-v2-int8", False),
        ("openai:bge-small-en-v1.5", False),
        ("openai:nomic-embed-text", False),
        ("", False),
    ],
)
def test_multilingual_models_are_known_by_their_names(model: str, expected: bool) -> None:
    assert reads_many(model) is expected


@pytest.mark.parametrize(
    ("model", "text", "dense_share"),
    [
        ("openai:text-embedding-3-small", "¿Puedo pagar con PayPal?", 1.0),
        ("openai:text-embedding-3-small", "Can I pay with PayPal?", 0.5),
        ("local:all-minilm-l6-v2-int8", "¿Puedo pagar con PayPal?", 0.5),
    ],
)
def test_foreign_words_do_not_mislead_a_multilingual_model(model: str, text: str, dense_share: float) -> None:
    request = SearchRequest(uuid4(), uuid4(), text, np.ones(3, np.float32), model)
    assert read_question(request, {"en": 40, "": 1}).dense_share == dense_share
