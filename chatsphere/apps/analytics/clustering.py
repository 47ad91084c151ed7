"""Grouping texts by meaning, one after the other: a text joins the group to whose members it is most similar on average, or begins one.

Unit vectors; the mean of a group's vectors gives the mean similarity to all of them in one product. ``tidy`` moves texts to the group that
is nearest now, since the first ones had to choose among few. Pure numpy, no I/O. ``benchmarks/analytics.py`` measures it on labelled
questions and says how the thresholds were chosen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
# Least mean similarity to the members of a group, by the engine that made the vectors; chosen on 75 intents of clinc_oos_a.
THRESHOLDS = {"local": 0.35}
OTHER_THRESHOLD = 0.45
TIDY_ROUNDS = 4


def threshold_for(model_id: str) -> float:
    """How similar the members of a group must be on average, for vectors of this model."""
    return THRESHOLDS.get(model_id.partition(":")[0], OTHER_THRESHOLD)


class Groups:
    """Groups by number. ``means`` are the means of their members' vectors, ``counts`` their sizes; both may come from a database."""

    def __init__(self, means: Vectors, counts: NDArray[np.int64], threshold: float) -> None:
        self._sums = np.array(means * counts[:, None], np.float32) if len(counts) else np.zeros((0, 0), np.float32)
        self._counts = counts.astype(np.int64)
        self._means = means.astype(np.float32)
        self._used = len(counts)
        self._threshold = threshold

    def __len__(self) -> int:
        return self._used

    def add(self, vector: NDArray[Any]) -> int:
        """The group that the vector joins: its number, equal to the number of groups before when it is a new one. O(groups)."""
        vector = vector.astype(np.float32)
        number = self._nearest(vector)
        if number is None:
            number = self._used
            self._grow(len(vector))
            self._used += 1
        self._sums[number] += vector
        self._counts[number] += 1
        self._means[number] = self._sums[number] / self._counts[number]
        return number

    def mean(self, number: int) -> Vectors:
        """The mean vector of a group."""
        found: Vectors = self._means[number]
        return found

    def _nearest(self, vector: Vectors) -> int | None:
        if not self._used:
            return None
        similar = self._means[: self._used] @ vector
        best = int(similar.argmax())
        return best if similar[best] >= self._threshold else None

    def _grow(self, dimensions: int) -> None:
        if self._used < len(self._counts):
            return
        size = max(64, 2 * self._used)
        for name in ("_sums", "_means"):
            grown = np.zeros((size, dimensions), np.float32)
            grown[: self._used] = getattr(self, name)[: self._used] if self._used else 0
            setattr(self, name, grown)
        self._counts = np.concatenate([self._counts[: self._used], np.zeros(size - self._used, np.int64)])


def tidy(vectors: Vectors, labels: NDArray[np.int64], *, rounds: int = TIDY_ROUNDS) -> NDArray[np.int64]:
    """Labels after each text moved to the group whose direction is nearest, some rounds of it. Groups keep their labels; some may end empty."""
    for _round in range(rounds):
        names, places = np.unique(labels, return_inverse=True)
        centres = np.zeros((len(names), vectors.shape[1]), np.float32)
        np.add.at(centres, places, vectors)
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
        moved = names[(vectors @ centres.T).argmax(axis=1)]
        if (moved == labels).all():
            break
        labels = moved
    return labels


def most_central(vectors: Vectors) -> int:
    """The number of the vector that is most similar to all others."""
    return int((vectors @ vectors.mean(axis=0)).argmax())


def as_matrix(values: Iterable[Any]) -> Vectors:
    """Rows of halfvec columns, in whichever form the driver gives them, as one matrix."""
    rows = [value.to_numpy() if hasattr(value, "to_numpy") else value for value in values]
    return np.array(rows, np.float32) if rows else np.zeros((0, 0), np.float32)
