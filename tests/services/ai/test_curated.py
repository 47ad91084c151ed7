"""Answers that were written for exactly this question."""

from __future__ import annotations

from uuid import uuid4

import pytest

from chatsphere.services.ai.curated import find_curated
from chatsphere.services.types import SearchHit


def pair(question: str, answer: str) -> SearchHit:
    text = f"{question}\n{answer}\n"
    ids = (uuid4(), uuid4(), uuid4())
    return SearchHit(*ids, "FAQ", "", None, (question,), text, 10, 10 + len(text), None, None, 0.0)


@pytest.mark.parametrize(
    ("asked", "is_found"),
    [
        ("How do I return a parcel?", True),
        ("how do i return a PARCEL", True),
        ("How do I return parcels?", True),
        ("How do I not return a parcel?", False),
        ("How do I return a parcel from Norway?", False),
        ("How do I send a parcel?", False),
    ],
)
def test_only_the_very_question_gets_its_answer(asked: str, is_found: bool) -> None:
    hits = [pair("Where are you?", "In Bern."), pair("How do I return a parcel?", "Print the label.\nThen post it.")]
    found = find_curated(asked, hits, language="en")
    assert (found is not None) is is_found
    if found is not None:
        assert found.text == "Print the label.\nThen post it."


def test_a_heading_that_does_not_stand_before_its_text_is_no_pair() -> None:
    hit = pair("How do I return a parcel?", "x")
    from dataclasses import replace

    assert find_curated("How do I return a parcel?", [replace(hit, text="Print the label.")]) is None
