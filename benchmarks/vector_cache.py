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

from chatsphere.services.types import Vectors

_BATCH = 64


class VectorCache:
    """``embed`` is asked only for texts that are not kept yet, and kept batch by batch: an interrupted run loses little."""

    def __init__(self, model_id: str, embed: Callable[[Sequence[str]], Vectors]) -> None:
        folder = Path(os.environ.get("CHATSPHERE_BENCH_CACHE", "~/.cache/chatsphere-bench")).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        self._embed = embed
        self._file = sqlite3.connect(folder / (re.sub(r"[^\w.-]", "_", model_id) + ".sqlite3"), timeout=60)
        self._file.execute("CREATE TABLE IF NOT EXISTS vectors (hash BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in order."""
        kept = {text: self._kept(text) for text in texts}
        missing = [text for text, vector in kept.items() if vector is None]
        for start in range(0, len(missing), _BATCH):
            kept.update(self._add(missing[start : start + _BATCH]))
        return np.stack([np.frombuffer(kept[text] or b"", np.float32) for text in texts])

    def _kept(self, text: str) -> bytes | None:
        row = self._file.execute("SELECT vector FROM vectors WHERE hash = ?", [_key(text)]).fetchone()
        return None if row is None else bytes(row[0])

    def _add(self, texts: Sequence[str]) -> dict[str, bytes]:
        vectors = [row.tobytes() for row in self._embed(texts).astype(np.float32)]
        rows = [(_key(text), vector) for text, vector in zip(texts, vectors, strict=True)]
        with self._file:
            self._file.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)
        return dict(zip(texts, vectors, strict=True))


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
