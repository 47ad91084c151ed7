"""A database with just the tables that search uses, and documents in them: for benchmarks and contract tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import psycopg
from psycopg import sql

from chatsphere.backups import database
from chatsphere.services.vector_store.base import ChatbotRef
from chatsphere.services.vector_store.memory import PlacedChunk

_SCHEMA = Path(__file__).with_name("search_schema.sql")

Connection = psycopg.Connection[Any]


def create_database(server_url: str, name: str) -> str:
    """Make the database anew on that server and return its URL. ``server_url`` may name any database there."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        database.drop(connection, name)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = url_of(server_url, name)
    with psycopg.connect(url) as connection:
        connection.execute(_SCHEMA.read_bytes())
    return url


def url_of(server_url: str, name: str) -> str:
    """Of the database of that name on the same server."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


def drop_foreign_keys(connection: Connection) -> None:
    """Searches do not need them, and COPY would prove them row by row: half of the time of filling the tables."""
    found = connection.execute("SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f'")
    for table, name in found.fetchall():
        statement = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(name))
        connection.execute(statement)


def add_places(
    connection: Connection,
    *,
    chatbot: ChatbotRef,
    chunks: Sequence[tuple[UUID, str, PlacedChunk]],
    context: str = "",
) -> None:
    """Sources, documents with one version each, chunk texts and placements. A version has its document's id."""
    of = (chatbot.workspace_id, chatbot.chatbot_id)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO training_trainingsource VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            list({p.source_id: (p.source_id, *of, sorted(p.access_tags)) for _, _, p in chunks}.values()),
        )
        documents = {p.document_id: p for _, _, p in chunks}.values()
        cursor.executemany(
            "INSERT INTO training_document VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [(p.document_id, *of, p.source_id, p.title, p.url, p.document_id) for p in documents],
        )
        cursor.executemany(
            "INSERT INTO training_documentversion VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [(p.document_id, *of, p.document_id) for p in documents],
        )
        cursor.executemany(
            "INSERT INTO training_chunktext VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            list({chunk_id: (chunk_id, *of, text, context) for chunk_id, text, _ in chunks}.values()),
        )
        cursor.executemany(
            "INSERT INTO training_placement (workspace_id, chatbot_id, document_version_id, chunk_id, ordinal, char_start,"
            " char_end, page, heading_path) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (*of, p.document_id, chunk_id, p.ordinal, p.char_start, p.char_end, p.page, list(p.heading_path))
                for chunk_id, _, p in chunks
            ],
        )
