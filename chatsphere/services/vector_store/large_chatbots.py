"""What makes searches in large chatbots fast: chunks are entered into an inverted index of words, and into cells of near vectors.

A chunk that is in neither is looked at by every search of its chatbot, as in a small one. So nothing here is ever missed, only slow
until it is done, and it is done in steps: each is one short transaction, any of them may be lost or repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

import numpy as np
import psycopg
from psycopg.rows import tuple_row

from chatsphere.services.types import Vectors
from chatsphere.services.vector_store import wire
from chatsphere.services.vector_store.cells import (
    SAMPLE_A_CELL,
    HalfVectors,
    find_centres,
    fitting_cells,
    nearest_cells,
)
from chatsphere.services.vector_store.queries import query

LARGE: Final = 1_500  # chunks from which the indexes are faster than looking at all: measured
MOST_FRESH: Final = 1_000  # chunks that wait for the indexes before it is worth the while
GENERATION: Final = 100_000  # cell numbers of one training of the centres
ROWS_A_STEP: Final = 2_000
OUTGROWN: Final = 1.5  # times as many cells needed as there are

# How far a search in a large chatbot looks: measured by benchmarks/search_speed.py.
LOOKUP_ROWS: Final = (
    120  # chunks that its rarer words may name: so many times the fourth root of the chatbot's, 1,200 of 10,000
)
PAIR_SHARE: Final = 2 / 3  # of these: chunks in which two more common ones would stand together by chance, at most
LEAST_ROWS: Final = 500  # of either
_PAIRS: Final = {"first_two": (0, 1), "first_and_third": (0, 2), "second_and_third": (1, 2), "first_and_fourth": (0, 3)}

_Cursor = psycopg.Cursor[Any]


def lookups(frequencies: Mapping[int, float], chunks: int, key: int) -> dict[str, wire.Encoded | None]:
    """The terms by which indexed chunks are looked up, as keys of the inverted index: the rarest ones, as many as name few enough chunks
    together. Of the four rarest others any two must stand together, unless even such pairs are common; where nothing is left, the rarest two or one."""
    rows = LOOKUP_ROWS * chunks**0.25
    known = sorted((frequency, term) for term, frequency in frequencies.items() if frequency > 0)
    rare = sum(total <= max(LEAST_ROWS, round(rows)) for total in accumulate(frequency for frequency, _ in known))
    others = known[rare:]
    most_together = max(LEAST_ROWS, round(rows * PAIR_SHARE)) * max(1, chunks)
    pairs = {
        name: [others[one][1], others[other][1]]
        for name, (one, other) in _PAIRS.items()
        if other < len(others) and others[one][0] * others[other][0] <= most_together
    }
    if not rare and others:
        pairs["first_two"] = [term for _, term in others[:2]]
    named = {"rare": [term for _, term in known[:rare]], **dict.fromkeys(_PAIRS, ()), **pairs}
    return {
        name: wire.bigint_array([key << 32 | term for term in terms]) if terms else None
        for name, terms in named.items()
    }


def one_step(cursor: _Cursor, of: Mapping[str, Any], halfvec_oid: int) -> bool:
    """Do one step for the chatbot; whether there may be another. Rows that a writer holds are left for the next time."""
    if cursor.execute(query("hold_index"), {"chatbot": str(of["chatbot"])}).fetchone() != (True,):
        return False
    if cursor.execute(query("index_words"), {**of, "most": ROWS_A_STEP}).rowcount > 0:
        cursor.execute(query("merge_words"))
        return True
    models = cursor.execute(query("embedding_models"), of).fetchall()
    return any(_step_of_model(cursor, {**of, "model": model}, halfvec_oid) for (model,) in models)


def _step_of_model(cursor: _Cursor, of: Mapping[str, Any], halfvec_oid: int) -> bool:
    most, newest, cells = _counts(cursor, of)
    if _wanted(most) > OUTGROWN * cells:  # only then it is worth counting them
        [(vectors,)] = cursor.execute(query("count_vectors"), of).fetchall()
        if (wanted := _wanted(vectors)) > OUTGROWN * cells:
            _train(cursor, of, wanted, newest + 1, halfvec_oid)
            return True
    if newest < 0:
        return False
    if _assign(cursor, of, newest * GENERATION):
        return True
    cursor.execute(query("drop_old_cells"), {**of, "first": newest * GENERATION})
    return False


def _wanted(vectors: int) -> int:
    """How many cells so many vectors should have: none when they are few, and no more than there are vectors."""
    return min(fitting_cells(vectors), vectors) if vectors >= LARGE else 0


def _counts(cursor: _Cursor, of: Mapping[str, Any]) -> tuple[int, int, int]:
    """Live vectors at most, as counted last; the newest generation of cells (-1: none) and its cells."""
    row = cursor.execute(query("cell_counts"), {**of, "generation": GENERATION}).fetchone()
    return row or (0, -1, 0)


def _train(cursor: _Cursor, of: Mapping[str, Any], cells: int, generation: int, halfvec_oid: int) -> None:
    centres = find_centres(_sample(cursor, of, cells * SAMPLE_A_CELL), cells)
    numbers = [generation * GENERATION + number for number in range(len(centres))]
    centroids = wire.array(wire.half_vectors(centres), halfvec_oid)
    cursor.execute(query("add_cells"), {**of, "cells": numbers, "centroids": centroids})


def _sample(cursor: _Cursor, of: Mapping[str, Any], most: int) -> HalfVectors:
    """Vectors drawn at random, held once and as they are stored: of a million chunks with 1,536 dimensions that is 200 MB."""
    sample: HalfVectors | None = None
    size = 0
    with psycopg.ServerCursor(cursor.connection, "sample", row_factory=tuple_row) as rows:
        rows.execute(query("sample_vectors"), {**of, "most": most}, binary=True)
        while portion := rows.fetchmany(ROWS_A_STEP):
            vectors = np.stack([wire.read_half_vector(data) for (data,) in portion])
            if sample is None:
                sample = np.empty((most, vectors.shape[1]), np.float16)
            sample[size : size + len(vectors)] = vectors
            size += len(vectors)
    return np.empty((0, 0), np.float16) if sample is None else sample[:size]


def _assign(cursor: _Cursor, of: Mapping[str, Any], first: int) -> int:
    """Put vectors that are in no cell of the newest generation into one; how many."""
    waiting = cursor.execute(query("vectors_without_cell"), {**of, "first": first, "most": ROWS_A_STEP}).fetchall()
    if not waiting:
        return 0
    numbers, centres = _centres(cursor, of, first)
    vectors = np.stack([wire.read_half_vector(data) for _, data in waiting])
    nearest = numbers[nearest_cells(vectors, centres)]
    order: Sequence[int] = [
        int(row) for row in np.argsort(nearest, kind="stable")
    ]  # near vectors are written side by side
    chunk_ids = wire.uuid_array([waiting[row][0] for row in order])
    cursor.execute(query("set_cells"), {**of, "chunk_ids": chunk_ids, "cells": [int(nearest[row]) for row in order]})
    return len(waiting)


def _centres(cursor: _Cursor, of: Mapping[str, Any], first: int) -> tuple[np.ndarray[Any, Any], Vectors]:
    rows = cursor.execute(query("read_cells"), {**of, "first": first}).fetchall()
    return np.array([cell for cell, _ in rows], np.int32), np.stack([wire.read_half_vector(data) for _, data in rows])
