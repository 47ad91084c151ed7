"""What an editor is told of the content."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from chatsphere.apps.analytics.coverage import compare, look_at, similar_pairs
from chatsphere.apps.analytics.models import Finding
from tests.apps.training.world import make_chatbot, trained

DELIVERY = "Standard delivery takes 3 working days and costs 4.90 euros for every parcel that you order."


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        (DELIVERY.replace("3", "5"), "contradiction"),
        (DELIVERY.replace("3 working", "4-5 working"), "contradiction"),
        (DELIVERY.replace("that you order", "you order"), "near_duplicate"),
        (DELIVERY.replace(" and costs 4.90 euros", ""), None),
        ("Our office is open from 9 to 5 and closed on all public holidays of the country.", None),
        ("Short 3.", None),
    ],
)
def test_passages_are_compared_by_words_and_numbers(other: str, kind: str | None) -> None:
    compared = compare(DELIVERY, other)
    assert (compared.kind.value if compared else None) == kind


def test_other_dates_contradict() -> None:
    left = "The summer sale of the outlet store begins on Monday, 3 June and ends at midnight."
    compared = compare(left, left.replace("Monday", "Friday").replace("June", "July"))
    assert compared is not None
    assert (compared.only_left, compared.only_right) == (["june", "monday"], ["friday", "july"])


def test_pairs_are_found_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatsphere.apps.analytics.coverage.BLOCK", 3)
    vectors = np.eye(8, dtype=np.float32)
    vectors[7] = vectors[1]
    vectors[2] = vectors[0]
    assert [(a, b) for a, b, _score in similar_pairs(vectors)] == [(0, 2), (1, 7)]


def test_the_most_similar_pairs_are_found_wherever_they_stand() -> None:
    generator = np.random.default_rng(1)
    vectors = generator.standard_normal((2_300, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = np.triu(vectors @ vectors.T, 1)
    a, b = np.unravel_index(np.argsort(-cosines, axis=None, kind="stable")[:50], cosines.shape)
    found = similar_pairs(vectors, 50)
    assert {(one, other) for one, other, _ in found} == set(zip(a.tolist(), b.tolist(), strict=True))
    assert [score for *_, score in found] == sorted((score for *_, score in found), reverse=True)


def test_passages_that_are_all_alike_take_little_memory() -> None:
    vectors = np.ones((4_000, 4), np.float32) / 2
    tracemalloc.start()
    found = similar_pairs(vectors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 2_000  # of eight million
    assert peak < 150_000_000


@pytest.mark.django_db(transaction=True)
def test_contradictions_between_sources_are_reported(alice: Any, charlie: Any, client_of: Any) -> None:
    chatbot = make_chatbot(alice)
    text = f"{DELIVERY} Parcels are packed in our own warehouse and handed to the carrier on the same evening without any extra charge."
    first = trained(chatbot, text, name="Old")
    second = trained(chatbot, text.replace("4.90", "6.90"), name="New")
    chatbot.refresh_from_db()
    assert look_at(chatbot) == 1

    report = client_of(alice).get("/api/v1/analytics/coverage/").json()

    [found] = report["contradictions"]
    assert {each["source_id"] for each in found["data"]["passages"]} == {str(first.pk), str(second.pk)}
    assert sorted(map(tuple, found["data"]["differs"])) == [("4.90",), ("6.90",)]
    assert {line["name"] for line in report["never_cited"]} == {"Old", "New"}
    assert client_of(charlie).get("/api/v1/analytics/coverage/").json()["contradictions"] == []
    assert look_at(chatbot) == Finding.objects.count() == 1
