"""The columns of rows whose header stands in another chunk, from the chunker to the prompt and the check of citations."""

from __future__ import annotations

from uuid import UUID

import pytest

from chatsphere.services.ai.citations import scan_answer
from chatsphere.services.ai.prompts import build_messages
from chatsphere.services.content.chunking import chunk_document
from chatsphere.services.content.extract import extract
from chatsphere.services.content.table_columns import columns_of
from chatsphere.services.types import ChatPrompt, SearchHit

NAMES = ("Part", "Price in EUR", "Delivery days")
ROWS = [(f"VX-{1000 + number}", f"{number}.50", str(number % 9)) for number in range(120)]
CSV = "\n".join(",".join(row) for row in (NAMES, *ROWS))
MARKDOWN = "# Parts\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in (NAMES, ("---",) * 3, *ROWS))


@pytest.mark.parametrize(("source", "name"), [(CSV, "parts.csv"), (MARKDOWN, "parts.md")])
def test_every_chunk_of_a_long_table_knows_its_columns(source: str, name: str) -> None:
    document = extract(source.encode(), name=name)
    first, *others = chunk_document(document, title="Parts", count_tokens=lambda text: len(text.split()) + 2)
    assert len(others) > 2
    assert columns_of(first.context, first.text) == ()
    assert [columns_of(chunk.context, chunk.text) for chunk in others] == [NAMES] * len(others)


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ("Parts › Part, Price", "| a | b | c |"),  # a name with a comma, or one left out
        ("Parts › Setup", "| a | b |"),
        ("Parts › Part, Price", "Text. | a | b |"),
        ("Parts › Part, Price", "| Part | Price |\n|---|---|\n| a | b |"),
        ("", ""),
    ],
)
def test_columns_are_not_guessed(context: str, text: str) -> None:
    assert columns_of(context, text) == ()


def hit() -> SearchHit:
    one, text = UUID(int=1), "| VX-1385 | 72.25 | 4 |\n| VX-1386 | 9.50 | 7 |"
    return SearchHit(one, one, one, "Parts", "", None, (), text, 0, len(text), 0.5, 1.0, 1.0, columns=NAMES)


def test_a_model_sees_the_header_above_the_rows() -> None:
    prompt = build_messages(ChatPrompt("Price of VX-1385?", [hit()]), nonce="n")[-1]["content"]
    assert "| Part | Price in EUR | Delivery days |\n| --- | --- | --- |\n| VX-1385 | 72.25 | 4 |" in prompt


def test_a_statement_that_names_the_column_is_borne_out() -> None:
    _, report = scan_answer("The Price in EUR of VX-1385 is 72.25 [1].", [hit()], language="en")
    assert report.grounded
    _, report = scan_answer("The Price in EUR of VX-1385 is 99.99 [1].", [hit()], language="en")
    assert not report.grounded
