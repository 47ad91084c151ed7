"""An embedder without a model: words are hashed into a fixed number of dimensions (feature hashing, Weinberger et al., 2009).

Texts that share words are near each other; synonyms are not. It loads nothing and costs microseconds, which suits quick tests and
machines on which no model shall run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np

from chatsphere.services.errors import EngineMisconfigured
from chatsphere.services.types import EmbeddingModel, Vector, Vectors

_WORD = re.compile(r"\w+")
_MAX_TOKENS = 512


class HashingEmbedder:
    """Unit vectors of hashed word counts, damped by the square root. A text without words gets the first axis."""

    def __init__(self, dimensions: int = 256) -> None:
        if not 16 <= dimensions <= 4000:
            raise EngineMisconfigured("The hashing embedder takes 16 to 4000 dimensions: `hashing:256`.")
        self._model = EmbeddingModel(f"hashing:{dimensions}", dimensions, _MAX_TOKENS)

    @property
    def model(self) -> EmbeddingModel:
        return self._model

    def count_tokens(self, text: str) -> int:
        """Words; anything between spaces without a letter or digit counts as none."""
        return len(_WORD.findall(text))

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in order."""
        rows = [self._embed(text) for text in texts]
        return np.stack(rows) if rows else np.empty((0, self._model.dimensions), np.float32)

    async def embed_query(self, text: str) -> Vector:
        """The same as for a passage."""
        return self._embed(text)

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """The same as ``embed_passages``."""
        return self.embed_passages(texts)

    def _embed(self, text: str) -> Vector:
        hashes = np.array([crc32(word.encode()) for word in _WORD.findall(text.casefold())], np.int64)
        counts = np.zeros(self._model.dimensions, np.float64)
        signs = np.where(hashes >> 31 & 1, 1.0, -1.0)
        np.add.at(counts, hashes % self._model.dimensions, signs)
        damped = np.sign(counts) * np.sqrt(np.abs(counts))
        length = float(np.linalg.norm(damped))
        if length == 0.0:
            damped[0] = length = 1.0
        vector: Vector = (damped / length).astype(np.float32)
        return vector
