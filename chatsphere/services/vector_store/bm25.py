"""The numbers of BM25 (Robertson and Zaragoza, 2009), split between what is stored and what is known at question time.

A chunk's stored weight of a term is ``tf·(k1+1) / (tf + norm)`` with ``norm = k1·(1 - b + b·length / REFERENCE_LENGTH)``. The
reference is a constant, so nothing is written again when the chatbot's average length moves. What the average changes is
made good at question time by one factor a chunk, ``(1 + stored norm) / (1 + true norm)``: exact for words that occur once and
where the average is the reference, close elsewhere. IDF comes in on the question's side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from chatsphere.services.vector_store.analysis import count_terms

K1: Final = 1.2
B: Final = 0.5  # chunks are cut to similar lengths: less normalisation than the customary 0.75 is better on every set
REFERENCE_LENGTH: Final = 80.0  # terms in a typical chunk
CONTEXT_WEIGHT: Final = 2  # how often a word of title and headings counts
MAX_TERMS: Final = 16_000  # pgvector stores no more in one sparse vector

Floats = npt.NDArray[np.float64]


def chunk_counts(context: str, text: str, language: str) -> Counter[int]:
    """Term frequencies of a chunk, its title and headings counted with it."""
    counts = count_terms(text, language)
    for term, count in _terms_of_context(context, language):
        counts[term] += count
    return counts


@lru_cache(maxsize=256)  # the chunks of a section have the same one
def _terms_of_context(context: str, language: str) -> tuple[tuple[int, int], ...]:
    return tuple((term, CONTEXT_WEIGHT * count) for term, count in count_terms(context, language).items())


def stored_weights(counts: Mapping[int, int]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], float]:
    """Terms in ascending order, their weights, and the chunk's length in terms."""
    if len(counts) > MAX_TERMS:
        counts = dict(Counter(counts).most_common(MAX_TERMS))
    terms = np.fromiter(counts.keys(), np.int32, len(counts))
    frequencies = np.fromiter(counts.values(), np.float32, len(counts))
    length = float(frequencies.sum())
    order = terms.argsort()
    weights = frequencies * np.float32(K1 + 1) / (frequencies + np.float32(norm(length, REFERENCE_LENGTH)))
    return terms[order], weights[order], length


def norm(length: float, average: float) -> float:
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
