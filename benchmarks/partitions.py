"""What partitions by month would bring messages, and what they would cost: `python -m benchmarks.partitions [rows]`.

Two tables of the shape of messages, one plain and one with twelve partitions: inserting, looking one up by its id, reading a conversation, and taking away
the oldest month (delete and vacuum; detach and drop). The median of five where a thing can be repeated; ratios hold, times are this machine's.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from chatsphere.embedded.postgres import PostgresServer

MONTHS = 12
COLUMNS = "id uuid NOT NULL, workspace_id uuid NOT NULL, conversation_id uuid NOT NULL, created_at timestamptz NOT NULL, content text NOT NULL"
FILL = """
INSERT INTO {table} SELECT
    md5(n::text)::uuid, md5((n %% 200)::text)::uuid, md5((n / 8)::text)::uuid,
    timestamptz '2026-01-01' + (n / %(rows)s::float8) * interval '364 days', repeat(md5(n::text), 12)
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
"""


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    with tempfile.TemporaryDirectory(prefix="chatsphere-partitions-") as folder:
        server = PostgresServer(Path(folder) / "postgres")
        server.start()
        try:
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("SET statement_timeout = 0")
                make(connection)
                report(connection, rows)
        finally:
            server.stop()


def make(connection: psycopg.Connection) -> None:
    connection.execute(f"CREATE TABLE plain ({COLUMNS}, PRIMARY KEY (id), UNIQUE (workspace_id, id))")
    keys = "PRIMARY KEY (id, created_at), UNIQUE (workspace_id, id, created_at)"
    connection.execute(f"CREATE TABLE monthly ({COLUMNS}, {keys}) PARTITION BY RANGE (created_at)")
    for month in range(1, MONTHS + 1):
        end = f"2026-{month + 1:02}-01" if month < MONTHS else "2027-01-01"
        connection.execute(
            f"CREATE TABLE m{month} PARTITION OF monthly FOR VALUES FROM ('2026-{month:02}-01') TO ('{end}')"
        )
    for table in ("plain", "monthly"):
        connection.execute(f"CREATE INDEX ON {table} (conversation_id, created_at)")
        connection.execute(f"CREATE INDEX ON {table} (workspace_id, created_at)")


def report(connection: psycopg.Connection, rows: int) -> None:
    print(f"{rows:,} rows, milliseconds: plain, by month, ratio")
    for table in ("plain", "monthly"):
        connection.execute(FILL.format(table=table), {"rows": rows, "first": 0, "last": rows - 1})
        connection.execute(f"VACUUM ANALYZE {table}")
    show("insert 10,000", *(timed(lambda t=t: insert(connection, t, rows)) for t in ("plain", "monthly")))
    queries = {
        "one by its id": "SELECT content FROM {} WHERE id = md5(%s::text)::uuid",
        "a conversation": "SELECT content FROM {} WHERE conversation_id = md5(%s::text)::uuid ORDER BY created_at",
        "a workspace's last 20": "SELECT content FROM {} WHERE workspace_id = md5((%s %% 200)::text)::uuid ORDER BY created_at DESC LIMIT 20",
    }
    for name, query in queries.items():
        show(
            name, *(timed(lambda t=t, q=query: ask(connection, q.format(t), rows)) / 200 for t in ("plain", "monthly"))
        )
    deleted = timed_once(lambda: connection.execute("DELETE FROM plain WHERE created_at < '2026-02-01'"))
    vacuumed = timed_once(lambda: connection.execute("VACUUM plain"))
    dropped = timed_once(lambda: connection.execute("DROP TABLE m1"))
    show("the oldest month goes", deleted + vacuumed, dropped)
    print(f"  of which delete {deleted:,.0f}, vacuum {vacuumed:,.0f}")


_inserted = 0


def insert(connection: psycopg.Connection, table: str, rows: int) -> None:
    global _inserted
    first = rows + _inserted
    _inserted += 10_000
    statement = FILL.format(table=table).replace("(n / %(rows)s::float8) * interval '364 days'", "interval '364 days'")
    connection.execute(statement, {"first": first, "last": first + 9_999})


def ask(connection: psycopg.Connection, query: str, rows: int) -> None:
    for number in range(200):
        connection.execute(query, (number * 7919 % (rows // 8),)).fetchall()


def timed(work: Callable[[], object]) -> float:
    return statistics.median(timed_once(work) for _ in range(5))


def timed_once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def show(name: str, plain: float, monthly: float) -> None:
    print(f"{name:24} {plain:12,.2f} {monthly:12,.2f} {monthly / plain:8.2f}")


if __name__ == "__main__":
    main()
