"""Where chunks stand, written by COPY in its binary format: a row is put together by one call, not by one a column."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils import timezone
from psycopg import Cursor

from chatsphere.apps.training.database import engine_connection
from chatsphere.core.copying import microseconds
from chatsphere.core.identifiers import new_id_bytes
from chatsphere.services.types import Chunk
from chatsphere.services.vector_store import wire
from chatsphere.services.vector_store.base import ChatbotRef

_COPY: Final = (
    "COPY training_placement (id, workspace_id, chatbot_id, document_version_id, chunk_id, ordinal, char_start, char_end, created_at,"
    " page, heading_path) FROM STDIN (FORMAT BINARY)"
)
_COLUMNS: Final = 11
_FIXED: Final = struct.Struct("!h" + "i16s" * 5 + "ii" * 3 + "i8s")  # the column count; then length and value of each
_INTEGER: Final = struct.Struct("!ii")
_NULL: Final = struct.pack("!i", -1)
_LENGTH: Final = struct.Struct("!i")
Placed = tuple[UUID, Sequence[Chunk], Sequence[UUID]]


def copy_placements(chatbot: ChatbotRef, placed: Sequence[Placed]) -> None:
    """Write the places of chunks: of each version its id, its chunks, and the id of each chunk's text."""
    with connection.wrap_database_errors, Cursor(engine_connection()) as cursor, cursor.copy(_COPY) as copy:
        copy.write(b"".join([wire.COPY_BEGINS, *_rows(chatbot, placed), wire.COPY_ENDS]))


def _rows(chatbot: ChatbotRef, placed: Sequence[Placed]) -> Iterator[bytes]:
    workspace, its_id = chatbot.workspace_id.bytes, chatbot.chatbot_id.bytes
    now = microseconds(timezone.now())
    path_of: Callable[[tuple[str, ...]], bytes] = cache(_path)
    for version_id, chunks, ids in placed:
        version = version_id.bytes
        for chunk, chunk_id in zip(chunks, ids, strict=True):
            span = (4, chunk.ordinal, 4, chunk.char_start, 4, chunk.char_end)
            keys = (16, new_id_bytes(), 16, workspace, 16, its_id, 16, version, 16, chunk_id.bytes)
            page = _NULL if chunk.page is None else _INTEGER.pack(4, chunk.page)
            yield _FIXED.pack(_COLUMNS, *keys, *span, 8, now) + page + path_of(chunk.heading_path)


def _path(heading_path: tuple[str, ...]) -> bytes:
    data = wire.text_array(heading_path).data
    return _LENGTH.pack(len(data)) + data
