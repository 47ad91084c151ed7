from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.services.content.markup import plain_words, search_text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('See [the guide](https://example.com/a_(b)?x=1 "Title").', "See the guide."),
        ("![A map](map.png) and [ref][1]", "A map and ref"),
        ("## Heading **bold** _it_ `code`", "Heading bold it code"),
        ("snake_case and field\\_name and 2 \\* 3", "snake_case and field_name and 2 * 3"),
        ("| a | b |\n| --- | --- |\n| 1 | 2 |", "a b 1 2"),
        ('Name<a name="x"></a> &amp; co &lt;tag&gt;', "Name & co <tag>"),
        ("- [x] done\n- open", "done open"),
        ("at https://www.example.com/docs?token=1#part now", "at example.com/docs now"),
        ("a < b and c > d", "a < b and c > d"),
        ("a\\|b", "a|b"),
    ],
)
def test_markup_is_stripped_and_words_stay(source: str, words: str) -> None:
    assert plain_words(source) == words


def test_a_heading_that_the_context_names_is_not_repeated() -> None:
    assert search_text("Guide › Setup", "## Setup\n\nInstall it.") == "Guide › Setup\nInstall it."
    assert search_text("Guide", "## Setup\n\nInstall it.") == "Guide\nSetup Install it."


@given(st.text(), st.text())
def test_any_text_gives_one_line_after_the_context(context: str, text: str) -> None:
    found = search_text("context", text)
    assert found.startswith("context")
    assert found.count("\n") <= 1
