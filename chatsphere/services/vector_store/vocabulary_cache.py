"""The vocabularies of chatbots that were asked lately, so that a misspelt question reads the statistics once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chatsphere.services.vector_store.base import ChatbotRef
from chatsphere.services.vector_store.near_words import Vocabulary

MOST_TERMS: Final = 1_000_000  # of all kept ones, 12 MB
LEAST_AGE: Final = 10.0  # seconds for which a vocabulary serves, though more was trained meanwhile

Stamp = tuple[int, float]  # chunks and length of the totals it was read beside


@dataclass(slots=True)
class _Kept:
    vocabulary: Vocabulary
    stamp: Stamp
    read_at: float


class VocabularyCache:
    """Of one process; one event loop or thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: dict[ChatbotRef, _Kept] = {}
        self._clock = clock

    def get(self, chatbot: ChatbotRef, stamp: Stamp) -> Vocabulary | None:
        """None when it must be read: not there, or the totals have moved since."""
        kept = self._kept.pop(chatbot, None)
        if kept is None or (kept.stamp != stamp and self._clock() - kept.read_at >= LEAST_AGE):
            return None
        self._kept[chatbot] = kept  # the one used last stands last
        return kept.vocabulary

    def put(self, chatbot: ChatbotRef, stamp: Stamp, vocabulary: Vocabulary) -> None:
        """Keep it; those that were not used for the longest time make room."""
        self._kept.pop(chatbot, None)
        self._kept[chatbot] = _Kept(vocabulary, stamp, self._clock())
        while self._kept and sum(len(kept.vocabulary) for kept in self._kept.values()) > MOST_TERMS:
            del self._kept[next(iter(self._kept))]
