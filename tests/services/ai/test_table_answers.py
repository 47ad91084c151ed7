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


PARTS = ("Part", "Description", "Price in EUR")


def price_list(passage: Passage, first: int, last: int, *, number: int) -> SearchHit:
    """A chunk of a price list that goes over several; only the first has the header."""
    rows = "\n".join(f"| VX-{n} | Valve {n} | {n}.50 |" for n in range(first, last))
    if first > 1:
        return replace(passage(rows, number=number, title="Prices", char_start=1_000 * first), columns=PARTS)
    return passage(f"| {' | '.join(PARTS)} |\n|---|---|---|\n{rows}", number=number, title="Prices")


def one_document(*hits: SearchHit) -> list[SearchHit]:
    return [replace(hit, document_id=hits[0].document_id) for hit in hits]


async def test_a_bound_gets_the_rows_of_all_chunks_over_which_a_table_goes(passage: Passage) -> None:
    chunks = [(20, 30), (1, 10), (40, 50), (50, 60), (60, 70), (30, 40), (10, 20)]
    hits = one_document(*(price_list(passage, *each, number=n) for n, each in enumerate(chunks, start=1)))
    text = await answer("Which parts cost less than 12 euros?", *hits)
    parts = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| VX")]
    assert parts == [f"VX-{n}" for n in range(1, 12)]
    assert text.index("[2]") < text.index("[7]"), "each part with its own number, in the order of the table"
    assert "| … |" in text, "further chunks may not have been found"
    many = await answer("Which parts cost more than 5 euros?", *hits)
    assert many.count("| VX-") == 15
    assert "| … |" in many


async def test_a_table_in_one_chunk_is_complete(passage: Passage) -> None:
    text = await answer("Which parts cost less than 5 euros?", price_list(passage, 1, 10, number=1))
    assert text.count("| VX-") == 4
    assert "…" not in text


async def test_a_like_row_in_another_chunk_of_the_table_is_about_something_else(passage: Passage) -> None:
    hits = one_document(price_list(passage, 1, 15, number=1), price_list(passage, 115, 130, number=2))
    text = await answer("valve 11 please", *hits)
    assert "| VX-11 | Valve 11 |" in text
    assert "VX-1" not in text.replace("VX-11 ", "")


async def test_a_follow_up_gets_the_row_that_it_names_itself(passage: Passage) -> None:
    prompt = ChatPrompt("And Business?", [passage(PLANS)], language="en", about="And Business? Team plan cost")
    events = [event async for event in ExtractiveChatModel(None).stream(prompt)]
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert keys(text) == ["Business"]
