"""The readable name of a chatbot in URLs and as the ``model`` of the OpenAI-compatible door."""

from __future__ import annotations

from collections.abc import Container
from itertools import count

from django.utils.text import slugify

LONGEST = 80
ROOM_FOR_NUMBER = 10


def slug_of(name: str) -> str:
    """Letters and digits of any script in lower case, joined by hyphens; ``chatbot`` when a name has none."""
    return slugify(name, allow_unicode=True)[: LONGEST - ROOM_FOR_NUMBER].strip("-_") or "chatbot"


def free_slug(name: str, taken: Container[str]) -> str:
    """The slug of a name, numbered from 2 when it is taken."""
    base = slug_of(name)
    if base not in taken:
        return base
    return next(slug for number in count(2) if (slug := f"{base}-{number}") not in taken)
