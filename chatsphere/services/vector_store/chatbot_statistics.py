"""A chatbot's statistics in PostgreSQL: how many live chunks, how long, in which languages, and each term's document frequency.

Every transaction that shows or hides chunks leaves one row of changes. Counting them in takes and deletes these rows in the
transaction that writes the sums, so each is counted once whatever crashes. When rows vanished past the engine (a cascade
of foreign keys), the balance no longer holds and everything is counted anew from the chunks' stored terms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import psycopg
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from chatsphere.services.vector_store import wire
from chatsphere.services.vector_store.queries import query
from chatsphere.services.vector_store.term_counts import TermCounts, Terms, fitting_buckets

_Cursor = psycopg.Cursor[Any]
_PORTION: Final = 5_000  # chunks held in memory at once while counting anew
_CHANGES: Final = 8  # noted changes, of some hundreds of chunks each: 6 MB
_MOST_TERMS: Final = 200_000  # counted in at once: some 15 MB
_BUCKETS: Final = 1_000  # read and written at once: as much


@dataclass(frozen=True, slots=True)
class ChunkTotals:
    """Sums over chunks; negative where they went away."""

    chunks: int
    length_total: float
    languages: Mapping[str, int]
    terms: TermCounts

    @classmethod
    def of(cls, chunks: Sequence[tuple[str, float, Terms]]) -> Self:
        """From each chunk's language, length and distinct terms."""
        return cls(
            len(chunks),
            sum(length for _, length, _ in chunks),
            Counter(language for language, _, _ in chunks),
            TermCounts.of([terms for _, _, terms in chunks]),
        )

    @classmethod
    def sum(cls, parts: Iterable[Self]) -> Self:
        parts = list(parts)
        languages: Counter[str] = Counter()
        for part in parts:
            languages.update(part.languages)
        return cls(
            sum(part.chunks for part in parts),
            sum(part.length_total for part in parts),
            {language: count for language, count in languages.items() if count},
            TermCounts.sum(part.terms for part in parts),
        )

    def negative(self) -> Self:
        languages = {language: -count for language, count in self.languages.items()}
        return type(self)(-self.chunks, -self.length_total, languages, self.terms.negative())

    def to_row(self) -> dict[str, Any]:
        return {
            "chunks": self.chunks,
            "length_total": self.length_total,
            "languages": Jsonb(dict(self.languages)),
            "terms": self.terms.to_bytes(),
        }

    @classmethod
    def from_row(cls, row: tuple[int, float, Mapping[str, int], bytes]) -> Self:
        chunks, length_total, languages, terms = row
        return cls(chunks, length_total, languages, TermCounts.from_bytes(terms))


def totals_of_rows(rows: Iterable[tuple[str, float, bytes]]) -> ChunkTotals:
    """Of rows of language, length and weights as the tables hold them."""
    return ChunkTotals.of([(language, length, wire.read_sparse_vector(data)[0]) for language, length, data in rows])


def count_in(cursor: _Cursor, of: Mapping[str, Any], sparsevec_oid: int) -> None:
    """Add the noted changes to the totals and to the buckets that they touch. Needs the chatbot's lock. Memory is bounded, however many
    changes there are and whatever the chatbot knows already."""
    for change in _in_portions(_taken(cursor, of)):
        _add(cursor, of, change, sparsevec_oid)


def recount(cursor: _Cursor, of: Mapping[str, Any], sparsevec_oid: int) -> None:
    """Make totals and buckets anew from the live chunks, read in portions. Needs the chatbot's lock, and a transaction; 20 µs a chunk."""
    cursor.execute(query("delete_buckets"), of)
    _write_totals(cursor, of, ChunkTotals.of([]), 1, 0)
    for change in _in_portions(_everything(cursor, of)):
        _add(cursor, of, change, sparsevec_oid)


def _taken(cursor: _Cursor, of: Mapping[str, Any]) -> Iterator[ChunkTotals]:
    while noted := cursor.execute(query("take_changes"), {**of, "most": _CHANGES}).fetchall():
        yield ChunkTotals.sum(map(ChunkTotals.from_row, noted))


def _everything(cursor: _Cursor, of: Mapping[str, Any]) -> Iterator[ChunkTotals]:
    """All live chunks; the changes that are noted in the same snapshot are dropped, as they are in it."""
    with psycopg.ServerCursor(cursor.connection, "everything", row_factory=tuple_row) as rows:
        rows.execute(query("read_everything"), of, binary=True)
        while portion := rows.fetchmany(_PORTION):
            yield totals_of_rows(row[:3] for row in portion if row[3] is None)
            noted = [note for *_, note in portion if note is not None]
            cursor.execute(query("drop_changes"), {**of, "ids": noted})


def _in_portions(changes: Iterable[ChunkTotals]) -> Iterator[ChunkTotals]:
    """Sums of some of them, each of few enough terms to be held in memory and of as many as that allows: a bucket is written once for each."""
    held: list[ChunkTotals] = []
    for change in changes:
        held = [ChunkTotals.sum([*held, change])]
        if len(held[0].terms.terms) > _MOST_TERMS:
            yield from held
            held = []
    yield from held


def _add(cursor: _Cursor, of: Mapping[str, Any], change: ChunkTotals, sparsevec_oid: int) -> None:
    """To the totals and to the buckets, of which some are held at a time."""
    totals: tuple[int, float, dict[str, int], int, int]
    totals = cursor.execute(query("read_totals"), of).fetchone() or (0, 0.0, {}, 1, 0)
    chunks, length_total, languages, buckets, vocabulary = totals
    before = ChunkTotals(chunks, length_total, languages, TermCounts.of([]))
    wanted = max(buckets, fitting_buckets(vocabulary + len(change.terms.terms)))
    for touched, part in change.terms.by_buckets(buckets, _BUCKETS, all_of_them=wanted > buckets):
        old = _read_buckets(cursor, of, touched)
        new = TermCounts.sum([old, part]).present()
        vocabulary += len(new.terms) - len(old.terms)
        _write_buckets(cursor, of, new.buckets(wanted), touched, sparsevec_oid)
    _write_totals(cursor, of, ChunkTotals.sum([before, change]), wanted, vocabulary)


def _read_buckets(cursor: _Cursor, of: Mapping[str, Any], numbers: Sequence[int]) -> TermCounts:
    rows = cursor.execute(query("read_buckets"), {**of, "buckets": list(numbers)})
    read = (wire.read_sparse_vector(data) for _, data in rows)
    return TermCounts.sum(TermCounts(terms, frequencies.astype(np.int64)) for terms, frequencies in read)


def _write_buckets(
    cursor: _Cursor,
    of: Mapping[str, Any],
    buckets: Mapping[int, TermCounts],
    touched: Sequence[int],
    sparsevec_oid: int,
) -> None:
    """``touched`` buckets that have no term left are emptied."""
    nothing = TermCounts.of([])
    all_buckets = {**dict.fromkeys(touched, nothing), **buckets}
    vectors = (wire.sparse_vector(part.terms, part.counts.astype(np.float32)) for part in all_buckets.values())
    parameters = {"buckets": list(all_buckets), "frequencies": wire.array(vectors, sparsevec_oid)}
    cursor.execute(query("write_buckets"), {**of, **parameters})


def _write_totals(cursor: _Cursor, of: Mapping[str, Any], totals: ChunkTotals, buckets: int, vocabulary: int) -> None:
    row = totals.to_row() | {"buckets": buckets, "vocabulary": vocabulary}
    cursor.execute(query("write_totals"), {**of, **row})
