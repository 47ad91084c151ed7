"""Pairs of questions and answers: each is one chunk that its question finds first, and an edit embeds only what changed."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.training.models import ChunkText, TrainingSource
from chatsphere.services.ai.curated import find_curated
from tests.apps.training.world import found, trained, work

pytestmark = pytest.mark.django_db(transaction=True)
LONG = "Send it back within thirty days. " + " ".join(
    f"Detail {n} of the rules on parcels and labels." for n in range(60)
)
PAIRS = [
    {"question": "How do I return a parcel?", "answer": LONG},
    {"question": "What does delivery cost?", "answer": "Four euros and fifty cents, or nothing above fifty euros."},
    {"question": "Do you ship to Norway?", "answer": "Yes.\n\nIt takes a week; customs may ask for more."},
]


def pairs_source(chatbot: Any) -> TrainingSource:
    return trained(chatbot, source_type="qa", name="Shop", options={"pairs": PAIRS})


def test_a_pair_is_one_chunk_however_long_its_answer_is(chatbot: Any) -> None:
    source = pairs_source(chatbot)
    assert source.chunks_count == len(PAIRS)
    assert ChunkText.objects.filter(text=f"{PAIRS[0]['question']}\n{LONG}").count() == 1


@pytest.mark.parametrize("pair", PAIRS, ids=["long", "plain", "paragraphs"])
def test_its_question_finds_it_first_and_its_answer_is_given_word_for_word(chatbot: Any, pair: dict[str, str]) -> None:
    pairs_source(chatbot)
    trained(chatbot)
    hits = found(chatbot, pair["question"])
    assert hits[0].text.startswith(pair["question"])
    curated = find_curated(pair["question"].lower().removesuffix("?"), hits)
    assert curated is not None
    assert curated.text == pair["answer"]


def test_an_edited_pair_is_the_only_one_that_is_embedded(chatbot: Any, alice: Any, client_of: Any) -> None:
    source = pairs_source(chatbot)
    client = client_of(alice)
    edited = [PAIRS[0], PAIRS[1] | {"answer": "Five euros."}, PAIRS[2]]
    answer = client.patch(f"/api/v1/sources/{source.pk}/", {"pairs": edited}, format="json")
    assert (answer.status_code, answer.json()["pairs"]) == (200, edited)
    work()
    newest = client.get(f"/api/v1/sources/{source.pk}/runs/").json()["results"][0]
    assert (newest["state"], newest["chunks_embedded"], newest["chunks_reused"]) == ("succeeded", 1, 2)
    texts = [hit.text for hit in found(chatbot, "What does delivery cost?")]
    assert texts[0] == "What does delivery cost?\nFive euros."
    assert not any("Four euros" in text for text in texts)
