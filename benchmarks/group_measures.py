"""How well groups fit known labels, and plain k-means to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


def numbered(names: Any) -> Labels:
    """Names as numbers from 0."""
    numbers: Labels = np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64)
    return numbers


def adjusted_rand(truth: Labels, found: Labels) -> float:
    """Adjusted Rand index (Hubert and Arabie, 1985): 1 for equal groups, about 0 for chance."""
    table = _contingency(truth, found)
    together, rows, columns = (_pairs(each) for each in (table, table.sum(axis=1), table.sum(axis=0)))
    expected = rows * columns / _pairs(np.array([len(truth)]))
    return float((together - expected) / ((rows + columns) / 2 - expected))


def v_measure(truth: Labels, found: Labels) -> float:
    """V-measure (Rosenberg and Hirschberg, 2007): the harmonic mean of homogeneity and completeness."""
    table = _contingency(truth, found) / len(truth)
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    shared = _entropy(rows) + _entropy(columns) - _entropy(table.ravel())
    return float(2 * shared / (_entropy(rows) + _entropy(columns)))


def k_means(vectors: Any, k: int, *, restarts: int = 3, rounds: int = 100, seed: int = 0) -> Labels:
    """Lloyd's algorithm from k-means++ starts; the best of some restarts by inertia."""
    generator = np.random.default_rng(seed)
    runs = [_lloyd(vectors, _starts(vectors, k, generator), rounds) for _restart in range(restarts)]
    return min(runs, key=lambda run: run[0])[1]


def _contingency(truth: Labels, found: Labels) -> Any:
    table = np.zeros((truth.max() + 1, found.max() + 1))
    np.add.at(table, (truth, found), 1)
    return table


def _pairs(counts: Any) -> float:
    return float((counts * (counts - 1) / 2).sum())


def _entropy(shares: Any) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def _starts(vectors: Any, k: int, generator: np.random.Generator) -> Any:
    chosen = [int(generator.integers(len(vectors)))]
    nearest = ((vectors - vectors[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < k:
        chosen.append(int(generator.choice(len(vectors), p=nearest / nearest.sum())))
        nearest = np.minimum(nearest, ((vectors - vectors[chosen[-1]]) ** 2).sum(axis=1))
    return vectors[chosen].copy()


def _lloyd(vectors: Any, centres: Any, rounds: int) -> tuple[float, Labels]:
    labels = np.full(len(vectors), -1)
    for _round in range(rounds):
        distances = (centres**2).sum(axis=1) - 2 * vectors @ centres.T
        moved = distances.argmin(axis=1)
        if (moved == labels).all():
            break
        labels = moved
        for number in np.unique(labels):
            centres[number] = vectors[labels == number].mean(axis=0)
    return float(((vectors - centres[labels]) ** 2).sum()), labels.astype(np.int64)
