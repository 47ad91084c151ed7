from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.services.content.sentences import sentence_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text, 0, len(text))]


@pytest.mark.parametrize(
    "parts",
    [
        ["Dr. Smith paid $3.50 to J. Doe.", "He left."],
        ["Use e.g. Python 3.11 here.", "It works!", "Does it?", "Yes…"],
        ["“Stop.”", "She ran."],
        ["Die Frist beträgt z.B. 14 Tage.", "Danach gilt Abs. 3."],
        ["これは文です。", "次の文です。"],
        ["यह पहला है।", "यह दूसरा है।"],
        ["Это т.е. первое.", "Второе."],
        ["Der Vertrag endet am 31. März.", "Danach gilt Zimmer 31.", "Der Flur liegt im 3. Stock."],
        ["Made in the U.S. by Acme Inc.", "It sells."],
    ],
)
def test_sentences_end_where_a_reader_says(parts: list[str]) -> None:
    separator = "" if parts[0].endswith("。") else " "
    assert sentences(separator.join(parts)) == parts


@given(st.text())
def test_spans_cover_everything_but_white_space(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
