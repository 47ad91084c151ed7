"""The small schema that contract tests and benchmarks use is a true part of the migrated one."""

from __future__ import annotations

import os
from typing import Any

import psycopg
import pytest
from django.db import connection

from benchmarks.search_tables import create_database

COLUMNS = """
    SELECT table_name, column_name, udt_name, is_nullable
      FROM information_schema.columns WHERE table_name = ANY (%s) ORDER BY 1, 2
"""
INDEXES = """
    SELECT tablename, regexp_replace(indexdef, '.* USING ', '') FROM pg_indexes WHERE tablename = ANY (%s) ORDER BY 1, 2
"""
OURS = (
    "training_chunkterms", "training_embedding", "training_termchange", "training_termstatistics",
    "training_knowledgestatistics", "training_vectorcell", "training_pendingpoint",
    "training_wordmeanings",
)  # fmt: skip
AROUND = (
    "training_trainingsource", "training_document", "training_documentversion", "training_chunktext", "training_placement",
)  # fmt: skip


@pytest.fixture(scope="module")
def small() -> Any:
    url = create_database(os.environ["DATABASE_URL"], f"schema_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    with psycopg.connect(url) as opened:
        yield opened


def rows(cursor: Any, statement: str, tables: tuple[str, ...]) -> set[tuple[str, ...]]:
    cursor.execute(statement, [list(tables)])
    return {tuple(row) for row in cursor.fetchall()}


@pytest.mark.django_db
def test_the_search_tables_are_the_same(small: Any) -> None:
    with connection.cursor() as migrated:
        for statement in (COLUMNS, INDEXES):
            assert rows(small.cursor(), statement, OURS) == rows(migrated, statement, OURS)


@pytest.mark.django_db
def test_the_columns_that_search_reads_are_there(small: Any) -> None:
    with connection.cursor() as migrated:
        missing = rows(small.cursor(), COLUMNS, AROUND) - rows(migrated, COLUMNS, AROUND)
    assert missing <= {("training_placement", "id", "int8", "NO")}  # a UUID there
