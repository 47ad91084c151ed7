"""Answers that somebody wrote for exactly this question: given word for word, no model asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chatsphere.services.ai.negation import negations
from chatsphere.services.types import SearchHit
from chatsphere.services.vector_store.analysis import count_terms

LOOK_AT = 5  # hits
FALLBACK_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class CuratedAnswer:
    """``passage.text[start:end]`` is the answer."""

    passage: SearchHit
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]


def find_curated(question: str, hits: Sequence[SearchHit], *, language: str = "") -> CuratedAnswer | None:
    """The pair whose question has the very words of this one (as stems, in any order), among the first hits; None where there is none.

    A pair is a passage that begins with its heading, as sources of questions and answers make them.
    """
    language = language or FALLBACK_LANGUAGE
    asked = count_terms(question, language)
    for hit in hits[:LOOK_AT]:
        heading = hit.heading_path[-1] if hit.heading_path else ""
        is_pair = heading != "" and hit.text.startswith(f"{heading}\n") and negations(question) == negations(heading)
        if is_pair and asked and asked == count_terms(heading, language):
            start = len(heading) + 1
            return CuratedAnswer(hit, start, start + len(hit.text[start:].rstrip()))
    return None
