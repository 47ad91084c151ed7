from __future__ import annotations

import pytest

from chatsphere.services.ai.lone_marks import without_lone_marks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Note. It is late.", "Note. It is late."),
        ("They can comment.**", "They can comment."),
        ("**a** and **b", "**a** and b"),
        ("please **do not *ever* run", "please do not *ever* run"),
        ("~~old price", "old price"),
        ("*a* b*", "*a* b"),
    ],
)
def test_a_mark_without_partner_goes(text: str, expected: str) -> None:
    assert without_lone_marks(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a **b** c",
        "2 * 3 = 6",
        "2*3 is six",
        "**Documents:** PDF",
        "`a*b` *c*",
        r"\*literal",
        "snake_case",
        "",
        "***b***",
    ],
)
def test_all_others_stay(text: str) -> None:
    assert without_lone_marks(text) == text
