"""Makes the matrix of ``services/ai/word_meanings.py``: ``python -m benchmarks.word_projection``.

The states of 250 stretches of 130 words from handbook_18f and chunking_a, which no question set here asks about: of their principal
components the first 96, rotated so that each number varies alike and two bits of each lose equally little. A minute.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.question_sets import DATA
from chatsphere.services.ai import word_meanings
from chatsphere.services.ai.local_files import MINILM
from chatsphere.services.ai.local_model import LocalModel
from chatsphere.services.ai.word_meanings import DIMENSIONS, Rows

STRETCH: Final = 130  # words
STRETCHES: Final = 250
FILE: Final = Path(word_meanings.__file__).with_name("minilm_words.npy")


def stretches() -> Iterator[str]:
    for name in ("handbook_18f", "chunking_a"):
        for line in (DATA / name / "docs.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            words = row["text"].split()
            for start in range(0, len(words), STRETCH):
                yield f"{row.get('title', '')}\n{' '.join(words[start : start + STRETCH])}"


def unit_states(texts: Sequence[str]) -> Rows:
    """Of all tokens."""
    model = LocalModel(MINILM.model.id)
    rows = np.concatenate([model.states_of(text) for text in texts]).astype(np.float32)
    unit: Rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def projection(rows: Rows) -> Rows:
    _, components = np.linalg.eigh(rows.T @ rows)  # ascending
    turn = np.linalg.qr(np.random.default_rng(DIMENSIONS).standard_normal((DIMENSIONS, DIMENSIONS)))[0]
    made: Rows = (components[:, ::-1][:, :DIMENSIONS] @ turn).astype(np.float32)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FILE)
    out = parser.parse_args().out
    texts = list(stretches())
    chosen = np.random.default_rng(0).permutation(len(texts))[:STRETCHES]
    np.save(out, projection(unit_states([texts[place] for place in chosen])).astype(np.float16))


if __name__ == "__main__":
    main()
