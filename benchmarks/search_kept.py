"""What a benchmark of searches keeps beside the chunks that it filled: the exact answers, which can be had only before the indexes are built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import psycopg

from benchmarks.search_tables import Connection, create_database, url_of

_TABLE: Final = """
    CREATE TABLE search_speed_kept (filled float8, built float8);
    CREATE TABLE search_speed_exact (number int PRIMARY KEY, milliseconds float8, found uuid[]);
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """Seconds of filling and, once that is done, of indexing; milliseconds and hits of the exact searches, in the order of their requests."""

    filled: float
    built: float | None
    times: Sequence[float]
    found: Sequence[set[UUID]]


def open_database(server_url: str, name: str, *, keep: bool) -> str:
    """The URL of a database of that name: the one that is there if it may be kept, else a new one."""
    if keep and _is_there(server_url, name):
        return url_of(server_url, name)
    return create_database(server_url, name)


def read_kept(url: str) -> Kept | None:
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT to_regclass('search_speed_kept')").fetchone() == (None,):
            return None
        [(filled, built)] = connection.execute("SELECT filled, built FROM search_speed_kept").fetchall()
        exact = connection.execute("SELECT milliseconds, found FROM search_speed_exact ORDER BY number").fetchall()
    return Kept(filled, built, [time for time, _ in exact], [set(found) for _, found in exact])


def write_kept(connection: Connection, kept: Kept) -> None:
    """In one transaction, so that what is there is complete; instead of what was there."""
    connection.execute("DROP TABLE IF EXISTS search_speed_kept, search_speed_exact")
    connection.execute(_TABLE)
    connection.execute("INSERT INTO search_speed_kept VALUES (%s, %s)", [kept.filled, kept.built])
    rows = zip(range(len(kept.times)), kept.times, map(list, kept.found), strict=True)
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO search_speed_exact VALUES (%s, %s, %s)", rows)
    connection.commit()


def _is_there(server_url: str, name: str) -> bool:
    with psycopg.connect(server_url) as connection:
        return connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None
