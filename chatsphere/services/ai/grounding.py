"""What is done with statements that their passages do not bear out: marked for the reader, or left out."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MARKS = r"(?:[ \t]*\[\d{1,3}\])*"


def mark_statements(text: str, statements: Sequence[str], *, note: str) -> str:
    """``note`` behind each of these statements, in front of its citation marks. Statements that cannot be found are passed over."""
    for statement in statements:
        text = _pattern(statement).sub(lambda match: _with_note(match.group(), note), text, count=1)
    return text


def without_statements(text: str, statements: Sequence[str]) -> str:
    """The text without these statements and their citation marks; what stood around them closes up."""
    for statement in statements:
        text = _pattern(statement).sub("", text, count=1)
    text = re.sub(
        r"(?m)^[ \t]*(?:[-*+]|\d{1,3}[.)])?[ \t]*$\n?", lambda match: "\n" if match.group() == "\n" else "", text
    )
    return re.sub(r"[ \t]{2,}", " ", re.sub(r"\n{3,}", "\n\n", text)).strip()


def _pattern(statement: str) -> re.Pattern[str]:
    """The statement as it stands in an answer: with citation marks between its words, before and behind its last stop."""
    words = rf"{_MARKS}\s+{_MARKS}".join(re.escape(word) for word in statement.rstrip(".!?…").split())
    return re.compile(rf"{words}{_MARKS}[.!?…]*{_MARKS}")


def _with_note(found: str, note: str) -> str:
    marks = re.search(rf"{_MARKS}$", found)
    place = marks.start() if marks else len(found)
    return f"{found[:place].rstrip()} {note}{found[place:]}"
