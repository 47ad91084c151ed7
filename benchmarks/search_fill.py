"""Fills the search tables with made chunks by binary COPY: a hundred thousand rows in the time that reading their texts would take."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final
from uuid import UUID

import numpy as np
from psycopg.types.json import Jsonb

from benchmarks.search_material import MadeChunk
from benchmarks.search_tables import Connection
from chatsphere.services.vector_store import wire
from chatsphere.services.vector_store.analysis import ANALYSIS_VERSION
from chatsphere.services.vector_store.base import ChatbotRef
from chatsphere.services.vector_store.chatbot_statistics import ChunkTotals

CHUNKS_A_DOCUMENT: Final = 20
CHUNKS_A_SOURCE: Final = 2_000
_BATCH: Final = 10_000
_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = struct.pack("!h", -1)
_FIELDS: Final = struct.Struct("!h")
_LENGTH: Final = struct.Struct("!i")

_COLUMNS: Final = {
    "training_chunktext": "id, workspace_id, chatbot_id, text",
    "training_chunkterms": "chunk_id, workspace_id, chatbot_id, language, length, weights, analysis, is_live",
    "training_embedding": "chunk_id, model, workspace_id, chatbot_id, vector, is_live",
    "training_wordmeanings": "chunk_id, workspace_id, chatbot_id, words",
    "training_placement": (
        "workspace_id, chatbot_id, document_version_id, chunk_id, ordinal, char_start, char_end, heading_path"
    ),
}


def fill(connection: Connection, chatbot: ChatbotRef, model: str, chunks: Iterable[MadeChunk]) -> int:
    """Write the chunks with their words, vectors and places, and note them for the statistics. Returns how many; does not commit."""
    number, rest = 0, iter(chunks)
    while batch := tuple(islice(rest, _BATCH)):
        _write_documents(connection, chatbot, range(number, number + len(batch)))
        _write_chunks(connection, chatbot, model, batch, number)
        _note(connection, chatbot, batch)
        number += len(batch)
    return number


def _write_documents(connection: Connection, chatbot: ChatbotRef, numbers: range) -> None:
    of = (chatbot.workspace_id, chatbot.chatbot_id)
    sources = Counter(number // CHUNKS_A_SOURCE for number in numbers)
    documents = sorted({number // CHUNKS_A_DOCUMENT for number in numbers})
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO training_trainingsource (id, workspace_id, chatbot_id, chunks_count) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (id) DO UPDATE SET chunks_count = training_trainingsource.chunks_count + excluded.chunks_count",
            [(_source(chatbot, number), *of, count) for number, count in sources.items()],
        )
        cursor.executemany(
            "INSERT INTO training_document VALUES (%s, %s, %s, %s, %s, '', %s) ON CONFLICT DO NOTHING",
            [
                (_document(chatbot, d), *of, _source(chatbot, d * CHUNKS_A_DOCUMENT // CHUNKS_A_SOURCE), f"Document {d}",
                 _document(chatbot, d))
                for d in documents
            ],
        )  # fmt: skip
        cursor.executemany(
            "INSERT INTO training_documentversion VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [(_document(chatbot, d), *of, _document(chatbot, d)) for d in documents],
        )


def _write_chunks(
    connection: Connection, chatbot: ChatbotRef, model: str, batch: Sequence[MadeChunk], first: int
) -> None:
    of = (chatbot.workspace_id.bytes, chatbot.chatbot_id.bytes)
    live = b"\x01"
    vectors = wire.half_vectors(np.stack([chunk.vector for chunk in batch]))
    rows: dict[str, Callable[[int, MadeChunk], tuple[bytes, ...]]] = {
        "training_chunktext": lambda _, c: (c.chunk_id.bytes, *of, c.text.encode()),
        "training_chunkterms": lambda _, c: (
            c.chunk_id.bytes, *of, b"en", struct.pack("!d", c.length), wire.sparse_vector(c.terms, c.weights),
            struct.pack("!h", ANALYSIS_VERSION), live,
        ),
        "training_embedding": lambda i, c: (c.chunk_id.bytes, model.encode(), *of, vectors[i], live),
        "training_wordmeanings": lambda _, c: (c.chunk_id.bytes, *of, c.words),
        "training_placement": lambda i, c: (
            *of, _document(chatbot, (first + i) // CHUNKS_A_DOCUMENT).bytes, c.chunk_id.bytes,
            _LENGTH.pack((first + i) % CHUNKS_A_DOCUMENT), _LENGTH.pack(0), _LENGTH.pack(len(c.text)),
            wire.text_array([]).data,
        ),
    }  # fmt: skip
    for table, row in rows.items():
        with connection.cursor().copy(f"COPY {table} ({_COLUMNS[table]}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(_HEAD + b"".join(_packed(row(i, chunk)) for i, chunk in enumerate(batch)) + _END)


def _note(connection: Connection, chatbot: ChatbotRef, batch: Sequence[MadeChunk]) -> None:
    change = ChunkTotals.of([("en", chunk.length, chunk.terms) for chunk in batch])
    connection.execute(
        "INSERT INTO training_termchange (workspace_id, chatbot_id, chunks, length_total, languages, terms)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        [chatbot.workspace_id, chatbot.chatbot_id, change.chunks, change.length_total, Jsonb(dict(change.languages)),
         change.terms.to_bytes()],
    )  # fmt: skip


def _packed(fields: tuple[bytes, ...]) -> bytes:
    return _FIELDS.pack(len(fields)) + b"".join(_LENGTH.pack(len(field)) + field for field in fields)


def _document(chatbot: ChatbotRef, number: int) -> UUID:
    return UUID(int=chatbot.chatbot_id.int + (1 << 40) + number)


def _source(chatbot: ChatbotRef, number: int) -> UUID:
    return UUID(int=chatbot.chatbot_id.int + (2 << 40) + number)
