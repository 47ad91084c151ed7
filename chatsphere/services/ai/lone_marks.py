"""Emphasis of which a quote holds one end only: "**Note. It is late.**" cut into sentences leaves stars that mark nothing."""

from __future__ import annotations

import re
from typing import Final

_MARK: Final = re.compile(r"`[^`\n]*`|(?<![\\*])(?:\*{1,3}|~~)(?!\*)")


def without_lone_marks(text: str) -> str:
    """The text without stars and tildes that have no partner in it. Those in inline code, between spaces and in 2*3 are no marks."""
    lone: list[re.Match[str]] = []
    for mark in _MARK.finditer(text):
        before, after = text[: mark.start()][-1:], text[mark.end() :][:1]
        if mark.group().startswith("`") or _marks_nothing(mark.group(), before, after):
            continue
        partner = next((n for n in reversed(range(len(lone))) if lone[n].group() == mark.group()), None)
        can_close = bool(before) and not before.isspace()
        if can_close and partner is not None:
            del lone[partner:]
        else:
            lone.append(mark)
    for mark in reversed(lone):
        text = text[: mark.start()] + text[mark.end() :]
    return text.strip()


def _marks_nothing(mark: str, before: str, after: str) -> bool:
    is_between_spaces = not before.strip() and not after.strip()
    return is_between_spaces or (mark == "*" and before.isalnum() and after.isalnum())
