"""The numbers of BM25 (Robertson and Zaragoza, 2009), split between what is stored and what is known at question time.

A chunk's stored weight of a term is ``tf·(k1+1) / (tf + norm)`` with ``norm = k1·(1 - b + b·length / REFERENCE_LENGTH)``. The
reference is a constant, so nothing is written again when the chatbot's average length moves. What the average changes is
made good at question time by one factor a chunk, ``(1 + stored norm) / (1 + true norm)``: exact for words that occur once and
where the average is the reference, close elsewhere. IDF comes in on the question's side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from chatsphere.services.vector_store.analysis import count_terms, term_numbers

K1: Final = 1.2
B: Final = 0.5  # chunks are cut to similar lengths: less normalisation than the customary 0.75 is better on every set
REFERENCE_LENGTH: Final = 80.0  # terms in a typical chunk
CONTEXT_WEIGHT: Final = 2  # how often a word of title and headings counts
MAX_TERMS: Final = 16_000  # pgvector stores no more in one sparse vector

Floats = npt.NDArray[np.float64]
_Lengths = TypeVar("_Lengths", float, Floats)


class Weighed(NamedTuple):
    """A chunk's terms in ascending order, their weights, and its length in terms."""

    terms: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    length: float


def weigh(chunks: Sequence[tuple[str, str, str]]) -> list[Weighed]:
    """Chunks as they are stored, in order; each is given as its context, text and language. All at once: half of the time of one by one."""
    numbers: list[int] = []
    ends = [0]
    for context, text, language in chunks:
        numbers.extend(term_numbers(text, language))
        numbers.extend(_terms_of_context(context, language))
        ends.append(len(numbers))
    lengths = np.diff(ends)
    owners = np.repeat(np.arange(len(chunks), dtype=np.int64) << 32, lengths)
    keys, counts = np.unique(owners | np.fromiter(numbers, np.int64, len(numbers)), return_counts=True)
    terms, starts = (keys & 0xFFFFFFFF).astype(np.int32), np.searchsorted(keys, np.arange(len(chunks) + 1) << 32)
    norms = np.repeat(norm(lengths.astype(np.float64), REFERENCE_LENGTH), np.diff(starts))
    weights = _weights(counts.astype(np.float32), norms)
    rows = zip(pairwise(starts), lengths, strict=True)
    return [_bounded(terms[a:b], weights[a:b], counts[a:b], length) for (a, b), length in rows]


def _bounded(
    terms: npt.NDArray[np.int32], weights: npt.NDArray[np.float32], counts: npt.NDArray[np.int64], length: np.int64
) -> Weighed:
    if len(terms) <= MAX_TERMS:
        return Weighed(terms, weights, float(length))
    return stored_weights(dict(zip(terms.tolist(), counts.tolist(), strict=True)))


def chunk_counts(context: str, text: str, language: str) -> Counter[int]:
    """Term frequencies of a chunk, its title and headings counted with it."""
    counts = count_terms(text, language)
    counts.update(_terms_of_context(context, language))
    return counts


@lru_cache(maxsize=256)  # the chunks of a section have the same one
def _terms_of_context(context: str, language: str) -> tuple[int, ...]:
    return tuple(term_numbers(context, language)) * CONTEXT_WEIGHT


def stored_weights(counts: Mapping[int, int]) -> Weighed:
    """Of a chunk's term frequencies; of a giant only the most frequent."""
    if len(counts) > MAX_TERMS:
        counts = dict(Counter(counts).most_common(MAX_TERMS))
    terms = np.fromiter(counts.keys(), np.int32, len(counts))
    frequencies = np.fromiter(counts.values(), np.float32, len(counts))
    length = float(frequencies.sum())
    order = terms.argsort()
    return Weighed(terms[order], _weights(frequencies, norm(length, REFERENCE_LENGTH))[order], length)


def _weights(frequencies: npt.NDArray[np.float32], norms: float | Floats) -> npt.NDArray[np.float32]:
    weights: npt.NDArray[np.float32] = frequencies * np.float32(K1 + 1) / (frequencies + np.float32(norms))
    return weights


def norm(length: _Lengths, average: float) -> _Lengths:
    return K1 * (1 - B + B * length / average)


def length_factors(lengths: Floats, average: float) -> Floats:
    """What turns the stored scores of chunks of these lengths into their scores."""
    stored = 1 + K1 * (1 - B) + K1 * B / REFERENCE_LENGTH * lengths
    true = 1 + K1 * (1 - B) + K1 * B / average * lengths
    return stored / true


def inverse_document_frequency(frequencies: Floats, chunks: int) -> Floats:
    """Never negative, also while the statistics lag behind: a term cannot be in more chunks than there are."""
    known = np.maximum(frequencies, chunks)
    result: Floats = np.log1p((known - frequencies + 0.5) / (frequencies + 0.5))
    return result
