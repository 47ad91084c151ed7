"""Statements that no passage bears out are marked or left out."""

from __future__ import annotations

import pytest

from chatsphere.services.ai.grounding import mark_statements, without_statements


@pytest.mark.parametrize(
    ("text", "statement", "left", "marked"),
    [
        ("Dogs bark [1]. Cats fly [2].", "Cats fly.", "Dogs bark [1].", "Dogs bark [1]. Cats fly [2]. (?)"),
        ("Cats fly. [2] Dogs bark [1].", "Cats fly.", "Dogs bark [1].", "Cats fly. (?) [2] Dogs bark [1]."),
        ("- Cats fly [2]\n- Dogs bark [1]", "Cats fly", "- Dogs bark [1]", "- Cats fly (?) [2]\n- Dogs bark [1]"),
        ("Cats fly [1].", "Cats fly.", "", "Cats fly [1]. (?)"),
        ("Dogs bark.", "Cats fly.", "Dogs bark.", "Dogs bark."),
    ],
)
def test_a_statement_goes_with_its_marks(text: str, statement: str, left: str, marked: str) -> None:
    assert without_statements(text, [statement]) == left
    assert mark_statements(text, [statement], note="(?)") == marked
