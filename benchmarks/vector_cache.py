"""Vectors of texts that were embedded before, kept outside the checkout: embedding is what takes a benchmark's time.

``CHATSPHERE_BENCH_CACHE`` names the folder (default ``~/.cache/chatsphere-bench``); one SQLite file a model, keyed by
the text's SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from chatsphere.services.ai.local_files import MINILM
from chatsphere.services.ai.local_model import LocalModel, micro_batches
from chatsphere.services.ai.word_meanings import pack
from chatsphere.services.types import Vectors

_BATCH = 64


class BytesCache:
    """``make`` is asked only for texts that are not kept yet, and kept batch by batch: an interrupted run loses little."""

    def __init__(self, name: str, make: Callable[[Sequence[str]], Sequence[bytes]]) -> None:
        folder = Path(os.environ.get("CHATSPHERE_BENCH_CACHE", "~/.cache/chatsphere-bench")).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        self._make = make
        self._file = sqlite3.connect(folder / (re.sub(r"[^\w.-]", "_", name) + ".sqlite3"), timeout=60)
        self._file.execute("CREATE TABLE IF NOT EXISTS vectors (hash BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    def get(self, texts: Sequence[str]) -> list[bytes]:
        """One value a text, in order."""
        kept = {text: self._kept(text) for text in texts}
        missing = [text for text, value in kept.items() if value is None]
        for start in range(0, len(missing), _BATCH):
            part = missing[start : start + _BATCH]
            values = self._make(part)
            self.put(part, values)
            kept.update(zip(part, values, strict=True))
        return [kept[text] or b"" for text in texts]

    def put(self, texts: Sequence[str], values: Sequence[bytes]) -> None:
        rows = [(_key(text), value) for text, value in zip(texts, values, strict=True)]
        with self._file:
            self._file.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)

    def _kept(self, text: str) -> bytes | None:
        row = self._file.execute("SELECT vector FROM vectors WHERE hash = ?", [_key(text)]).fetchone()
        return None if row is None else bytes(row[0])


class VectorCache:
    def __init__(self, model_id: str, embed: Callable[[Sequence[str]], Vectors]) -> None:
        self._cache = BytesCache(model_id, lambda texts: [row.tobytes() for row in embed(texts).astype(np.float32)])

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in order."""
        return np.stack([np.frombuffer(value, np.float32) for value in self._cache.get(texts)])


class WordCache:
    """What the words of texts mean, packed as the product packs them: a question's exactly, a passage's small."""

    def __init__(self, model: Callable[[], LocalModel], *, are_questions: bool) -> None:
        self._model, self._exact = model, are_questions
        self.cache = BytesCache(f"{MINILM.model.id}/{'question' if are_questions else 'passage'}-words", self._read)

    def words(self, texts: Sequence[str]) -> list[bytes]:
        """In order; empty for a text without words."""
        return self.cache.get(texts)

    def _read(self, texts: Sequence[str]) -> list[bytes]:
        encoded = self._model().encode_words(texts)
        packed = [b""] * len(texts)
        for batch in micro_batches([len(each) for each in encoded]):
            _, meanings = self._model().read([encoded[place] for place in batch])
            for place, rows in zip(batch, meanings, strict=True):
                packed[place] = pack(rows, exact=self._exact)
        return packed


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
