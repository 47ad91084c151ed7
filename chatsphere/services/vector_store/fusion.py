"""Mixing two lists by their z-scores, as ``queries.sql`` does it; for the in-memory engine and for measuring."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def z_scores(values: Floats) -> Floats:
    """Distance from the mean in standard deviations. Unknown values (nan) are taken for average ones, and so is everything
    when all are equal."""
    known = values[~np.isnan(values)]
    if not len(known) or not (deviation := known.std()):
        return np.zeros_like(values)
    return np.asarray(np.nan_to_num((values - known.mean()) / deviation))


def mix(sparse: Floats, dense: Floats, *, sparse_share: float, dense_share: float) -> Floats:
    """Both scores of every candidate of either list in, one score out."""
    return sparse_share * z_scores(sparse) + dense_share * z_scores(dense)
