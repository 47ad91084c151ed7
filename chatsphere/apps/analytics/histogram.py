"""Durations in buckets that grow by 4 %: histograms that can be added up, and percentiles that are off by at most 2 %.

After DDSketch (Masson, Rim and Lee, 2019): bucket i holds the milliseconds in (γ^(i-1), γ^i], γ = 1.02 / 0.98; bucket 0 holds 0 and 1. A
histogram is a run of six-byte entries, bucket (2) and count (4), big-endian. The same bucket may stand in it several times: to add
histograms, join their bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

RELATIVE_ERROR = 0.02
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_ENTRY = np.dtype([("bucket", ">i2"), ("count", ">i4")])


def bucket_of(milliseconds: float) -> int:
    """The bucket of a duration; the SQL of ``roll_hours`` says the same."""
    return 0 if milliseconds <= 1 else math.ceil(math.log(milliseconds) / math.log(GAMMA))


def encode(values: Iterable[float]) -> bytes:
    """The histogram of durations in milliseconds."""
    buckets, counts = np.unique(np.array([bucket_of(value) for value in values], np.int64), return_counts=True)
    return _joined(buckets, counts)


def compact(histogram: bytes) -> bytes:
    """The same histogram with each bucket once, in order."""
    counts = _table([histogram])[0]
    buckets = np.flatnonzero(counts)
    return _joined(buckets, counts[buckets])


def quantiles(histogram: bytes, shares: Iterable[float]) -> list[int | None]:
    """For each share (0.95 is the 95th percentile) a value within 2 % of the one at rank ⌊share·(n-1)⌋; None of an empty histogram."""
    return [values[0] for values in quantiles_of_each([histogram], shares)]


def quantiles_of_each(histograms: Sequence[bytes], shares: Iterable[float]) -> list[list[int | None]]:
    """The same of many histograms at once: for each share a list of one value for each histogram."""
    ranks = _table(histograms).cumsum(axis=1)
    totals = ranks[:, -1]
    found = []
    for share in shares:
        places = (ranks <= np.floor(share * (totals - 1))[:, None]).sum(axis=1)
        found.append([_middle(int(place)) if total else None for place, total in zip(places, totals, strict=True)])
    return found


def _middle(bucket: int) -> int:
    return round(2 * GAMMA**bucket / (GAMMA + 1)) if bucket else 1


def _table(histograms: Sequence[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """A row of counts by bucket for each histogram."""
    entries = np.frombuffer(b"".join(histograms), _ENTRY)
    rows = np.repeat(np.arange(len(histograms)), [len(histogram) // _ENTRY.itemsize for histogram in histograms])
    buckets = entries["bucket"].astype(np.int64)
    width = int(buckets.max(initial=0)) + 1
    counted = np.bincount(rows * width + buckets, weights=entries["count"], minlength=len(histograms) * width)
    return counted.astype(np.int64).reshape(len(histograms), width)


def _joined(
    buckets: np.ndarray[tuple[int], np.dtype[np.int64]], counts: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> bytes:
    entries = np.empty(len(buckets), _ENTRY)
    entries["bucket"], entries["count"] = buckets, counts
    return entries.tobytes()
