from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.services.ai.sentences import Kind, split_sentences


def quotes(text: str) -> list[str]:
    return [text[sentence.start : sentence.end] for sentence in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith came at 3.5 p.m. on Monday. He left.", ["Dr. Smith came at 3.5 p.m. on Monday.", "He left."]),
        ("J. R. Tolkien wrote it, e.g. in Oxford. Yes.", ["J. R. Tolkien wrote it, e.g. in Oxford.", "Yes."]),
        ("The U.S. Army won. It rained.", ["The U.S. Army won.", "It rained."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("東京は首都です。人口は多い！", ["東京は首都です。", "人口は多い！"]),
        ("यह एक वाक्य है। यह दूसरा है।", ["यह एक वाक्य है।", "यह दूसरा है।"]),
        ("هل هذا سؤال؟ نعم.", ["هل هذا سؤال؟", "نعم."]),
        ("Das kostet z.B. 3 Euro. Mehr nicht.", ["Das kostet z.B. 3 Euro.", "Mehr nicht."]),
        ("Er verfällt am 31. März. Danach nicht.", ["Er verfällt am 31. März.", "Danach nicht."]),
        ("There were 31. Nobody left.", ["There were 31.", "Nobody left."]),
        ("wrapped\nline. Next\none.", ["wrapped\nline.", "Next\none."]),
        ("no end", ["no end"]),
        ("- first item\n- second item. More.", ["first item", "second item.", "More."]),
        ("1. Turn it on.\n2. Wait.", ["Turn it on.", "Wait."]),
        ("# Heading\nBody text.", ["Body text."]),
        ("Click **Forgot password?** on the page. Wait.", ["Click **Forgot password?** on the page.", "Wait."]),
        ("Ask Yahoo! about it. Yes.", ["Ask Yahoo! about it.", "Yes."]),
        ("Q: Is there an app?\nA: For Windows.", ["Is there an app?", "For Windows."]),
        ("**Q1:** Who?\n**A:** Ada. A: B", ["Who?", "Ada.", "A: B"]),
        ("> Quoted words.", ["Quoted words."]),
        ("***\n\n...", []),
        ("", []),
    ],
)
def test_cuts(text: str, expected: list[str]) -> None:
    assert quotes(text) == expected


def test_a_table_row_knows_its_header() -> None:
    text = "| Plan | Price |\n|---|---|\n| Basic | 5 |\n| Pro | 9 |"
    rows = split_sentences(text)
    assert [text[row.start : row.end] for row in rows] == ["| Basic | 5 |", "| Pro | 9 |"]
    assert all(row.kind is Kind.ROW and row.header for row in rows)
    assert rows[0].header is not None
    assert text[slice(*rows[0].header)] == "| Plan | Price |\n|---|---|"


def test_code_stays_whole() -> None:
    text = "Run this.\n\n```sh\nmake demo. Then wait.\n```\n\nDone."
    assert quotes(text) == ["Run this.", "```sh\nmake demo. Then wait.\n```", "Done."]


def test_long_text_without_stops_is_cut() -> None:
    text = "word, " * 500
    parts = quotes(text)
    assert len(parts) > 3
    assert max(map(len, parts)) <= 600
    assert sum(part.count("word") for part in parts) == 500


@given(st.text(alphabet=st.sampled_from("aZ9 .!?\n|#-`。[]()'\"\t"), max_size=300))
def test_spans_are_ordered_apart_and_trimmed(text: str) -> None:
    position = 0
    for sentence in split_sentences(text):
        assert position <= sentence.start < sentence.end <= len(text)
        assert text[sentence.start : sentence.end].strip() == text[sentence.start : sentence.end]
        position = sentence.end
