from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.services.content.clean import clean_composed, clean_line, clean_verbatim


@pytest.mark.parametrize(
    ("raw", "visible"),
    [
        ("a\u200bb", "ab"),
        ("soft\u00adhyphen", "softhyphen"),
        ("tag\U000e0069\U000e0067\U000e006eored", "tagored"),
        ("\u202eoverride\u202c", "override"),
        ("nul\x00 bell\x07", "nul bell"),
        ("x\ufe01\ufe02\ufe03y", "xy"),
        ("a\u200d\u200db", "ab"),
        ("line\r\nline\rline\x85line\u2028line", "line\nline\nline\nline\nline"),
    ],
)
def test_what_cannot_be_seen_is_removed(raw: str, visible: str) -> None:
    assert clean_verbatim(raw).text == visible


@pytest.mark.parametrize("text", ["❤️ 1️⃣ 👨‍👩‍👧", "क्‍ष", "می‌خواهم", "e\u0301te\u0301", "²", "tab\tform\ffeed"])
def test_what_can_be_seen_stays_as_it_was_written(text: str) -> None:
    assert clean_verbatim(text).text == text


def test_removed_characters_are_counted() -> None:
    assert clean_verbatim("a\u200b\u200bb").hidden_removed == 2


def test_composed_text_is_normalised() -> None:
    assert clean_composed("e\u0301 ﬁn ²").text == "é fin ²"
    assert clean_line(" two \n lines\u00a0here ") == "two lines here"


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = clean_verbatim(text).text
    assert clean_verbatim(once).text == once
