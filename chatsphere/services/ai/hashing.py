"""An embedder without a model: words hashed to signed places of a vector (feature hashing, Weinberger et al. 2009).

Texts that share words are near each other; meaning it does not know. It starts at once and needs no memory: for quick tests, and for
machines where no model may run. Settings name it ``hashing:<dimensions>``.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from chatsphere.services.errors import EngineMisconfigured
from chatsphere.services.types import EmbeddingModel, Vector, Vectors

DEFAULT_DIMENSIONS = 256
_WORD = re.compile(r"[^\W_]+")


class HashingEmbedder:
    """Deterministic on every machine; some 20,000 passages a second."""

    def __init__(self, dimensions: int = DEFAULT_DIMENSIONS) -> None:
        if not 16 <= dimensions <= 4000:
            raise EngineMisconfigured("A hashing embedder has 16 to 4000 dimensions, as in hashing:256.")
        self.model = EmbeddingModel(f"hashing:{dimensions}", dimensions, max_tokens=1_000_000)

    def count_tokens(self, text: str) -> int:
        """Words, since those are what is read."""
        return len(_WORD.findall(text))

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors in order."""
        rows = np.zeros((len(texts), self.model.dimensions), np.float32)
        for row, text in zip(rows, texts, strict=True):
            self._fill(row, text)
        return rows

    async def embed_query(self, text: str) -> Vector:
        vector: Vector = self.embed_passages([text])[0]
        return vector

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return self.embed_passages(texts)

    def _fill(self, row: Vector, text: str) -> None:
        """The square root of each count, so that no word drowns the others; a text without words points to the first place."""
        counts = Counter(_WORD.findall(text.casefold())) or Counter([""])
        for word, count in counts.items():
            place, sign = _place(word, len(row))
            row[place] += sign * count**0.5
        length = float(np.linalg.norm(row))
        if length:
            row /= length
        else:  # words that cancel each other out
            row[0] = 1.0


def _place(word: str, dimensions: int) -> tuple[int, int]:
    number = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "big")
    return (number >> 1) % dimensions, 1 if number & 1 else -1
