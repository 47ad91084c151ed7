"""In how many chunks each term occurs: sorted arrays that can be added, packed and cut into buckets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

import numpy as np
import numpy.typing as npt

Terms = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]

TERMS_A_BUCKET: Final = 200  # about 1.6 KB: read by one page access, not moved out of its row


@dataclass(frozen=True, slots=True, eq=False)
class TermCounts:
    """``counts[i]`` belongs to ``terms[i]``; terms ascend, no count is zero. Negative counts stand for what went away."""

    terms: Terms
    counts: Counts

    @classmethod
    def of(cls, term_sets: Sequence[Terms]) -> Self:
        """Counts each set's terms once."""
        if not term_sets:
            return cls(np.empty(0, np.int32), np.empty(0, np.int64))
        return cls(*np.unique(np.concatenate(term_sets), return_counts=True))

    @classmethod
    def sum(cls, parts: Iterable[Self]) -> Self:
        parts = list(parts)
        if not parts:
            return cls.of([])
        terms, place = np.unique(np.concatenate([part.terms for part in parts]), return_inverse=True)
        counts = np.zeros(len(terms), np.int64)
        np.add.at(counts, place, np.concatenate([part.counts for part in parts]))
        kept = counts != 0
        return cls(terms[kept], counts[kept])

    def negative(self) -> Self:
        return type(self)(self.terms, -self.counts)

    def present(self) -> Self:
        """Without what is not there: counts below one can only come from rows that vanished uncounted."""
        kept = self.counts > 0
        return type(self)(self.terms[kept], self.counts[kept])

    def to_bytes(self) -> bytes:
        return self.terms.astype("<i4").tobytes() + self.counts.astype("<i4").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        terms, counts = np.frombuffer(data, "<i4").reshape(2, -1)
        return cls(terms.astype(np.int32), counts.astype(np.int64))

    def buckets(self, count: int) -> dict[int, Self]:
        """Cut by the terms' lowest bits; ``count`` is a power of two. Buckets without a term are left out."""
        numbers, ordered = self._by_bucket(count)
        found, starts = np.unique(numbers, return_index=True)
        spans = pairwise([*starts, len(numbers)])
        return {int(number): ordered._part(*span) for number, span in zip(found, spans, strict=True)}

    def by_buckets(self, count: int, most: int, *, all_of_them: bool) -> Iterator[tuple[list[int], Self]]:
        """The numbers of at most ``most`` buckets, and what belongs to these: of the buckets that have a term, or of all."""
        numbers, ordered = self._by_bucket(count)
        touched = np.arange(count) if all_of_them else np.unique(numbers)
        for start in range(0, len(touched), most):
            some = touched[start : start + most]
            begin, end = np.searchsorted(numbers, some[0]), np.searchsorted(numbers, some[-1], side="right")
            yield some.tolist(), ordered._part(begin, end)

    def _by_bucket(self, count: int) -> tuple[Terms, Self]:
        """The bucket of each term, ascending, and terms and counts in that order: no counts to be added to, but a row of such."""
        numbers = self.terms & (count - 1)
        order = np.argsort(numbers, kind="stable")
        return numbers[order], type(self)(self.terms[order], self.counts[order])

    def _part(self, start: int, end: int) -> Self:
        return type(self)(self.terms[start:end], self.counts[start:end])


def fitting_buckets(terms: int) -> int:
    """The power of two that leaves at most TERMS_A_BUCKET terms a bucket on average."""
    return 1 << max(0, (terms - 1) // TERMS_A_BUCKET).bit_length()
