"""The vocabularies of chatbots that were asked lately, so that a misspelt question reads the statistics once."""

from __future__ import annotations

from typing import Final

from chatsphere.services.vector_store.base import ChatbotRef
from chatsphere.services.vector_store.near_words import Vocabulary

MOST_TERMS: Final = 1_000_000  # of all kept ones, 12 MB

Stamp = tuple[int, float]  # chunks and length of the totals it was read beside


class VocabularyCache:
    """Of one process; one event loop or thread at a time."""

    def __init__(self) -> None:
        self._kept: dict[ChatbotRef, tuple[Stamp, Vocabulary]] = {}

    def get(self, chatbot: ChatbotRef, stamp: Stamp) -> Vocabulary | None:
        """None when it must be read: not there, or the totals have moved since."""
        kept = self._kept.pop(chatbot, None)
        if kept is None or kept[0] != stamp:
            return None
        self._kept[chatbot] = kept  # the one used last stands last
        return kept[1]

    def stamp(self, chatbot: ChatbotRef) -> Stamp | None:
        """Of the vocabulary that is kept."""
        kept = self._kept.get(chatbot)
        return kept and kept[0]

    def put(self, chatbot: ChatbotRef, stamp: Stamp, vocabulary: Vocabulary) -> None:
        """Keep it; those that were not used for the longest time make room."""
        self._kept.pop(chatbot, None)
        self._kept[chatbot] = stamp, vocabulary
        while self._kept and sum(len(kept) for _, kept in self._kept.values()) > MOST_TERMS:
            del self._kept[next(iter(self._kept))]
