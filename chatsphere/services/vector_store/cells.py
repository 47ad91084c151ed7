"""Vectors grouped by nearness, so that a search in a large chatbot looks at a few groups only: an inverted file (Jégou and others, 2011).

The centres are found by k-means on the sphere over a sample; every vector then belongs to its nearest centre's cell.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from chatsphere.services.types import Vectors

# Cells to the root of the number of vectors. Twice as many centres to compare cost less than the rows that cells twice as wide would add.
CELLS_A_ROOT: Final = 4.0
SAMPLE_A_CELL: Final = 24  # vectors that one centre is learned from; more are slower and no better
_ROUNDS: Final = 6
_PORTION: Final = 2_000  # rows compared with all centres at once


HalfVectors = npt.NDArray[np.float16]


def fitting_cells(vectors: int) -> int:
    """How many cells so many vectors are best cut into: then finding the cells costs about what looking through some of them does."""
    return max(1, round(CELLS_A_ROOT * math.sqrt(vectors)))


def find_centres(sample: Vectors | HalfVectors, cells: int) -> Vectors:
    """At most ``cells`` unit vectors, shape (cells, dimensions); a seeded start, so the same sample gives the same centres."""
    generator = np.random.default_rng(len(sample))
    centres = sample[generator.permutation(len(sample))[:cells]].astype(np.float32)
    for _ in range(_ROUNDS):
        nearest = nearest_cells(sample, centres)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, sample)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        # A centre that nothing is near to starts again from some vector.
        stray = sample[generator.integers(len(sample), size=len(centres))]
        centres = np.where(lengths > 0, sums / np.maximum(lengths, np.float32(1e-12)), stray).astype(np.float32)
    return centres


def nearest_cells(vectors: Vectors | HalfVectors, centres: Vectors) -> npt.NDArray[np.int32]:
    """The row of the centre with the greatest cosine for each vector."""
    parts = [
        (vectors[start : start + _PORTION] @ centres.T).argmax(axis=1) for start in range(0, len(vectors), _PORTION)
    ]
    return np.concatenate(parts).astype(np.int32) if parts else np.empty(0, np.int32)
