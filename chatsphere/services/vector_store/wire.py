"""PostgreSQL's binary format of the values that are written in bulk: pgvector's types and arrays.

Sent as one parameter a column, ten thousand rows take one statement, without text to format here and to parse there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import tuple_row

from chatsphere.services.vector_store.analysis import TERM_SPACE

UUID_OID: Final = 2950
BYTEA_OID: Final = 17
FLOAT8_OID: Final = 701
INT4_OID: Final = 23
INT8_OID: Final = 20
TEXT_OID: Final = 25
COPY_BEGINS: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(
    8
)  # what stands before the rows of a COPY in binary, and behind them
COPY_ENDS: Final = b"\xff\xff"

_ARRAY_HEADER: Final = struct.Struct("!iiIii")  # dimensions, has nulls, element type, length, lower bound
_LENGTH = _INTEGER = struct.Struct("!i")
_SPARSE_HEADER: Final = struct.Struct("!iii")  # dimensions, non-zeros, unused
_HALF_HEADER: Final = struct.Struct("!hh")  # dimensions, unused


@dataclass(frozen=True, slots=True)
class Encoded:
    """A parameter that is already in binary; the statement must cast it to its type."""

    data: bytes


class _EncodedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> Buffer | None:
        data: bytes = obj.data
        return data


def binary_cursor(connection: psycopg.Connection[Any]) -> psycopg.Cursor[tuple[Any, ...]]:
    """A cursor with server-side binding whatever the connection's default (Django's is client-side)."""
    cursor = psycopg.Cursor(connection, row_factory=tuple_row)
    cursor.format = Format.BINARY
    allow_encoded(cursor)
    return cursor


def allow_encoded(context: psycopg.abc.AdaptContext) -> None:
    context.adapters.register_dumper(Encoded, _EncodedDumper)


def array(elements: Iterable[bytes], oid: int) -> Encoded:
    """A one-dimensional array of encoded elements without nulls."""
    parts = [_LENGTH.pack(len(element)) + element for element in elements]
    header = _ARRAY_HEADER.pack(1, 0, oid, len(parts), 1) if parts else _ARRAY_HEADER.pack(0, 0, oid, 0, 0)[:12]
    return Encoded(header + b"".join(parts))


def uuid_array(ids: Sequence[UUID]) -> Encoded:
    return array((item.bytes for item in ids), UUID_OID)


def float_array(values: Sequence[float]) -> Encoded:
    return array((struct.pack("!d", value) for value in values), FLOAT8_OID)


def int_array(values: Sequence[int]) -> Encoded:
    """Of int4. What psycopg makes of a list has another type for small numbers, and a statement is prepared for each combination of types."""
    return array(map(_INTEGER.pack, values), INT4_OID)


def bigint_array(values: Sequence[int]) -> Encoded:
    return array((struct.pack("!q", value) for value in values), INT8_OID)


def text_array(values: Sequence[str]) -> Encoded:
    return array((value.encode() for value in values), TEXT_OID)


def sparse_vector(terms: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]) -> bytes:
    """``terms`` ascend and count from 1."""
    header = _SPARSE_HEADER.pack(TERM_SPACE, len(terms), 0)
    return header + (terms - 1).astype(">i4").tobytes() + weights.astype(">f4").tobytes()


def sparse_vectors(rows: Sequence[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]]) -> Iterator[bytes]:
    """``sparse_vector`` of each row of terms and weights, with one conversion for all of them."""
    terms = (np.concatenate([terms for terms, _ in rows]) - 1).astype(">i4").tobytes()
    weights = np.concatenate([weights for _, weights in rows]).astype(">f4").tobytes()
    start = 0
    for count in (len(terms) for terms, _ in rows):
        end = start + 4 * count
        yield _SPARSE_HEADER.pack(TERM_SPACE, count, 0) + terms[start:end] + weights[start:end]
        start = end


def read_sparse_vector(data: bytes) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    count = _SPARSE_HEADER.unpack_from(data)[1]
    terms = np.frombuffer(data, ">i4", count, _SPARSE_HEADER.size).astype(np.int32) + 1
    return terms.astype(np.int32), np.frombuffer(data, ">f4", count, _SPARSE_HEADER.size + 4 * count).astype(np.float32)


def read_sparse_vectors(data: bytes) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]]:
    """Of some that stand one behind the other."""
    integers, floats = np.frombuffer(data, ">i4").astype(np.int32), np.frombuffer(data, ">f4").astype(np.float32)
    start = 0
    while start < len(integers):
        terms = start + _SPARSE_HEADER.size // 4
        weights = terms + int(integers[start + 1])
        start = weights + weights - terms
        yield integers[terms:weights] + 1, floats[weights:start]


def half_vectors(rows: npt.NDArray[np.float32]) -> list[bytes]:
    header = _HALF_HEADER.pack(rows.shape[1], 0)
    return [header + row.tobytes() for row in rows.astype(">f2")]


def read_half_vector(data: bytes) -> npt.NDArray[np.float32]:
    return np.frombuffer(data, ">f2", offset=_HALF_HEADER.size).astype(np.float32)
