"""Document frequencies as arrays."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chatsphere.services.vector_store.term_counts import TERMS_A_BUCKET, TermCounts, fitting_buckets

term_sets = st.lists(st.frozensets(st.integers(1, 40), max_size=10), max_size=10)


def counted(sets: list[frozenset[int]]) -> TermCounts:
    return TermCounts.of([np.array(sorted(terms), np.int32) for terms in sets])


def as_dict(counts: TermCounts) -> dict[int, int]:
    return dict(zip(counts.terms.tolist(), counts.counts.tolist(), strict=True))


@given(term_sets, term_sets)
def test_sums_are_those_of_a_counter(first: list[frozenset[int]], second: list[frozenset[int]]) -> None:
    expected = Counter(term for terms in first + second for term in terms)
    assert as_dict(TermCounts.sum([counted(first), counted(second)])) == expected


@settings(deadline=None)  # a busy machine is not a slow test
@given(term_sets)
def test_what_was_added_and_taken_away_leaves_nothing(sets: list[frozenset[int]]) -> None:
    counts = counted(sets)
    assert as_dict(TermCounts.sum([counts, counts.negative()])) == {}


@settings(deadline=None)  # a busy machine is not a slow test
@given(term_sets)
def test_packing_and_cutting_lose_nothing(sets: list[frozenset[int]]) -> None:
    counts = counted(sets)
    assert as_dict(TermCounts.from_bytes(counts.to_bytes())) == as_dict(counts)
    buckets = counts.buckets(8)
    assert all(term % 8 == number for number, part in buckets.items() for term in part.terms)
    assert as_dict(TermCounts.sum(buckets.values())) == as_dict(counts)


def test_counts_below_one_are_not_present() -> None:
    counts = TermCounts(np.array([1, 2, 3], np.int32), np.array([2, -1, 1], np.int64))
    assert as_dict(counts.present()) == {1: 2, 3: 1}


def test_buckets_grow_with_the_vocabulary() -> None:
    assert [fitting_buckets(n * TERMS_A_BUCKET) for n in (0, 1, 2, 3, 100)] == [1, 1, 2, 4, 128]


@settings(deadline=None)  # a busy machine is not a slow test
@given(term_sets, st.integers(1, 5), st.booleans())
def test_buckets_are_gone_through_some_at_a_time(sets: list[frozenset[int]], most: int, all_of_them: bool) -> None:
    counts = counted(sets)
    steps = list(counts.by_buckets(8, most, all_of_them=all_of_them))
    numbers = [number for touched, _ in steps for number in touched]
    assert numbers == (list(range(8)) if all_of_them else sorted({term % 8 for term in counts.terms.tolist()}))
    assert all(len(touched) <= most for touched, _ in steps)
    assert all(term % 8 in touched for touched, part in steps for term in part.terms)
    assert as_dict(TermCounts.sum(part for _, part in steps)) == as_dict(counts)
