"""What each word of a text means where it stands: the states of a model's last layer, one a word, small enough to be kept beside the text.

A vector of a whole passage drowns the one word that a question turns on. Here each word of the question looks for the word of the passage
that is nearest to it in meaning (late interaction, Khattab and Zaharia: *ColBERT*, 2020), with a model that was not trained for it.
Function words and signs are left out, a word that stands several times is kept once, and of 384 numbers remain 96 of two bits
(a principal component analysis, then a rotation, so that each bit says as much): 24 bytes a word, a kilobyte a chunk. docs/algorithms/search.md has
the figures; ``benchmarks/word_projection.py`` made the matrix.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatsphere.services.vector_store.stop_words import STOP_WORDS

Rows = npt.NDArray[np.float32]
Offsets = Sequence[tuple[int, int]]

DIMENSIONS: Final = 96
_SMALL: Final = 1  # the first byte says how the rest is written: two bits a number,
_EXACT: Final = 2  # or half floats, for a question, which is not kept
_PER_BYTE: Final = 4
_WORD_BYTES: Final = DIMENSIONS // _PER_BYTE
_PLACES: Final = np.array([64, 16, 4, 1], np.uint8)
_LEVELS: Final = np.array([[(byte // int(place)) % 4 - 1.5 for place in _PLACES] for byte in range(256)], np.float32)
_SQUARES: Final = (_LEVELS**2).sum(axis=1)
_FILE: Final = Path(__file__).with_name("minilm_words.npy")
_EMPTY: Final = STOP_WORDS["en"]
NO_WORD: Final = -1
_RUN: Final = re.compile(r"[^\W_]+")


def words_of(text: str, offsets: Offsets) -> list[int]:
    """Of each token the number of its word, from 0; ``NO_WORD`` for signs, function words and the model's own tokens. Tokens that touch are one
    word, equal words have one number."""
    words: list[tuple[str, list[int]]] = []
    last = NO_WORD
    for place, (start, end) in enumerate(offsets):
        token = text[start:end].casefold()
        if token in _EMPTY or not any(map(str.isalnum, token)):
            continue
        if start != last:
            words.append(("", []))
        word, tokens = words[-1]
        words[-1], last = (word + token, [*tokens, place]), end
    numbers = {word: number for number, word in enumerate(dict.fromkeys(word for word, _ in words))}
    of_token = [NO_WORD] * len(offsets)
    for word, tokens in words:
        for place in tokens:
            of_token[place] = numbers[word]
    return of_token


def names_of_words(text: str) -> list[str]:
    """The words whose meanings a reading of a text holds, in its order, in small letters; as far as that can be told without the model's tokens."""
    runs = (match.group().casefold() for match in _RUN.finditer(text))
    return list(dict.fromkeys(run for run in runs if run not in _EMPTY))


def meanings(states: npt.NDArray[Any], words: Sequence[int]) -> Rows:
    """One unit row a word out of the states of its tokens, shape (words, 96)."""
    numbers = np.asarray(words)
    known = numbers != NO_WORD
    if not known.any():
        return np.empty((0, DIMENSIONS), np.float32)
    tokens = _unit(_unit(states[known].astype(np.float32)) @ _projection())
    rows = np.zeros((int(numbers.max()) + 1, DIMENSIONS), np.float32)
    np.add.at(rows, numbers[known], tokens)
    return _unit(rows)


def pack(rows: Rows, *, exact: bool = False) -> bytes:
    """24 bytes a word and one before them, or 192 a word of a question; a passage without words is that one byte, a question without is empty."""
    if not len(rows):
        return b"" if exact else bytes([_SMALL])
    if exact:
        return bytes([_EXACT]) + rows.astype("<f2").tobytes()
    deviation = np.maximum(rows.std(axis=1, keepdims=True), 1e-6)
    levels = (np.clip(np.floor(rows / deviation), -2, 1) + 2).astype(np.uint8)
    packed = (levels.reshape(len(rows), _WORD_BYTES, _PER_BYTE) * _PLACES).sum(axis=2, dtype=np.uint8)
    return bytes([_SMALL]) + bytes(packed)


def nearest(question: bytes, passages: Sequence[bytes]) -> Rows:
    """How near the nearest word of each passage is to each word of the question: cosines, shape (passages, words). nan for a passage that has no words,
    is not known or is written in another way than here; no column for a question that is."""
    asked = _unpack(question)
    found = np.full((len(passages), len(asked)), np.nan, np.float32)
    known = [place for place, packed in enumerate(passages) if packed[:1] == bytes([_SMALL]) and len(packed) > 1]
    if not known or not len(asked):
        return found
    packed = np.frombuffer(b"".join(passages[place][1:] for place in known), np.uint8).reshape(-1, _WORD_BYTES)
    cosines = _LEVELS[packed].reshape(-1, DIMENSIONS) @ asked.T
    cosines /= np.sqrt(_SQUARES[packed].sum(axis=1, dtype=np.float32))[:, None]
    counts = [(len(passages[place]) - 1) // _WORD_BYTES for place in known]
    starts = np.cumsum([0, *counts[:-1]])
    found[known] = np.maximum.reduceat(cosines, starts, axis=0)
    return found


def _unpack(question: bytes) -> Rows:
    if question[:1] != bytes([_EXACT]):
        return np.empty((0, DIMENSIONS), np.float32)
    return np.frombuffer(question, "<f2", offset=1).reshape(-1, DIMENSIONS).astype(np.float32)


def _unit(rows: Rows) -> Rows:
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    unit: Rows = rows / np.maximum(lengths, np.float32(1e-6))[:, None]
    return unit


@cache
def _projection() -> Rows:
    return np.load(_FILE).astype(np.float32)  # type: ignore[no-any-return]
